"""Slow tests that are left to CI, and to `--run-all`: whole programs, real clusters, whole recipes, many data sets.

`python -m tests.support.long` prints them, for `.ci/run`, where they have a part of their own.
"""

#: files, of which the slow tests are long, and tests
LONG = (
    "causal/test_estimate.py",
    "causal/test_nuisance.py",
    "commands/test_watch.py",
    "data/test_real_data.py",
    "evaluation/test_refitting.py",
    "fuzz/test_fuzz.py",
    "problems/economies/test_aiyagari.py",
    "problems/economies/test_buffer_stock.py",
    "problems/economies/test_irbc.py",
    "problems/economies/test_krusell_smith.py",
    "problems/economies/test_planted_policies.py",
    "problems/economies/test_stochastic_growth.py",
    "replication/test_package.py",
    "replication/test_replicate.py",
    "storm/test_storm.py",
    "sweeps/test_conditional.py",
    "sweeps/test_objectives.py",
    "sweeps/test_preempted.py",
    "sweeps/test_slurm.py",
    "sweeps/test_start_from.py",
    "sweeps/test_wandb_runs.py",
    "training/test_devices.py",
    "training/test_states.py",
    "sweeps/test_launch.py",
    "sweeps/test_run.py",
    "sweeps/test_workers.py",
    "test_packaging.py",
    "commands/test_fit.py::test_a_dead_wandb_server_costs_a_warning_not_the_fit",
    "evaluation/test_plots.py::test_a_policy_is_lines_over_the_first_state_at_round_values_of_the_second",
    "evaluation/test_plots.py::test_with_evaluates_the_same_model_on_another_size",
    "models/test_learned_models.py::test_dropout_side_by_side_is_dropout_alone",
    "models/test_learned_models.py::test_dropout_trains_in_either_precision_and_draws_anew_each_step",
    "problems/economies/test_economies.py::test_brock_mirman_is_solved_to_its_bars_by_its_recipe",
    "problems/economies/test_economies.py::test_thirty_epochs_of_investment_are_within_a_tenth_of_a_per_cent",
    "problems/economies/test_more_economies.py::test_the_closed_form_of_overlapping_generations_has_no_residual_and_passes",
    "problems/economies/test_more_economies.py::test_the_recipe_of_the_cake_reaches_its_bars",
    "problems/economies/test_other_parameters.py::test_in_another_economy_the_same_policy_reads_the_same_state_the_same_way",
    "problems/economies/test_sequence_problems.py::test_every_recipe_reaches_its_bars_at_every_seed",
    "problems/economies/test_sequence_problems.py::test_growth_policy_is_solved_to_its_bars_by_its_recipe",
    "problems/test_lecture_problems.py::test_a_deep_set_reaches_the_bars_at_both_sizes",
    "python/test_python.py::test_an_economy_is_simulated_as_by_the_command",
    "python/test_python.py::test_runs_are_found_and_listed_without_jax",
    "training/test_folds.py::test_a_reconstruction_is_cross_validated_too",
    "training/test_folds.py::test_what_keeps_all_folds_from_being_written_is_said_with_how_to_go_on",
    "training/test_second_order.py::test_the_jacobian_made_row_by_row_is_the_jacobian",
    "training/test_second_order.py::test_the_savings_rate_of_brock_and_mirman_is_found_to_1e6_in_35_steps",
    "training/test_second_order.py::test_two_seeds_side_by_side_have_what_each_has_alone",
    "training/test_stack.py::test_after_100_epochs_every_member_is_where_its_own_fit_is",
)
REASON = "a long test; --run-all runs it, as CI does"


def is_long(test: str) -> bool:
    """Whether a slow test is long, by its id."""
    called = test.partition("[")[0].removeprefix("tests/")
    return called in LONG or called.partition("::")[0] in LONG


if __name__ == "__main__":
    print(*(f"tests/{name}" for name in LONG))
