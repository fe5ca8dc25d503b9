"""An option declared once, and what is known of options before anything heavy is imported: plugins, files of the user.

`former_names` lets what users wrote for 0.1 find its modules.
"""
