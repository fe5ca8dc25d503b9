# The two commands of README.md, in a machine that has nothing but Python:
#   docker build -t econml-cli . && docker run --rm econml-cli
#   docker run --rm econml-cli uv run pytest
# Runs outlive the container in a folder of yours: docker run --rm -v "$PWD/runs:/econml-cli/runs" econml-cli
FROM python:3.12-slim
WORKDIR /econml-cli
COPY . .
RUN pip install --no-cache-dir uv && uv sync --quiet
CMD ["sh", "-c", "pip install uv && uv run econml fit mlp --lr 1e-3"]
