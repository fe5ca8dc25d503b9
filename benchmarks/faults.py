"""Faults that benchmarks/mutants.py plants into the package, one at a time.

Each is wrong in a way that a user would pay for: a wrong number, an option without effect, a check that is not made.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault: in `econml_cli` the text `old` stands exactly once and is replaced by `new`.

    Attributes:
        name: says what goes wrong. kind: one of KINDS.
    """

    name: str
    kind: str
    old: str
    new: str


KINDS = (
    "swapped split",
    "leaked data",
    "wrong sign",
    "skipped check",
    "wrong constant",
    "ignored option",
    "off by one",
    "dropped term",
    "wrong unit",
    "lost state",
    "lost lock",
    "swapped rows",
    "unescaped output",
    "lost write",
    "wrong precedence",
    "wrong exit code",
    "lost warning",
)

FAULTS = (
    # data: folds, scaling, formulas, missing values, reading
    Fault(
        "same-fold-always-validates",
        "swapped split",
        old="after = (numbers - fold) % folds",
        new="after = np.where(numbers == fold, 0, numbers)",
    ),
    Fault(
        "scaling-learnt-from-all-rows",
        "leaked data",
        old="informs = np.flatnonzero(train if weights is None",
        new="informs = np.flatnonzero(kept if weights is None",
    ),
    Fault("lead-is-a-lag", "wrong sign", old='-k if name == "lead" else k', new="k"),
    Fault(
        "log-of-zero-accepted",
        "skipped check",
        old="        _refuse_infinite(value, gone, name, where, (frame, factors[name]))\n",
        new="",
    ),
    Fault(
        "rows-of-typed-files-have-a-header",
        "off by one",
        old="        return position + 1\n    try:",
        new="        return position + 2\n    try:",
    ),
    Fault(
        "no-prediction-is-0-in-stata",
        "wrong constant",
        old="np.where(np.isnan(numbers), MISSING, numbers)",
        new="np.nan_to_num(numbers)",
    ),
    Fault(
        "any-sheet-of-a-new-book",
        "skipped check",
        old="said = dataclasses.replace(said, sheet=f\"'{raw.sheet}'\" if raw.sheet.isdecimal() else raw.sheet)",
        new="pass",
    ),
    Fault("text-is-a-formula-in-excel", "unescaped output", old='        cell.data_type = "s"\n', new="        pass\n"),
    Fault("group-column-becomes-a-feature", "leaked data", old="if name not in (aim, *apart)]", new="if name != aim]"),
    Fault(
        "dot-includes-the-target",
        "leaked data",
        old="for name in others if name not in explained]",
        new="for name in others if name not in factors]",
    ),
    Fault(
        "rows-of-another-length-left-out",
        "skipped check",
        old='row.text or "")\n        return "error"',
        new='row.text or "")\n        return "skip"',
    ),
    # models
    Fault(
        "kernel-ridge-grows-with-n",
        "wrong constant",
        old="gram[np.diag_indices_from(gram)] += ridge",
        new="gram[np.diag_indices_from(gram)] += ridge * len(gram)",
    ),
    Fault(
        "ridge-added-to-singular-values",
        "wrong constant",
        old="of_r / np.where(kept, of_r**2 + ridge, 1.0)",
        new="1 / np.where(kept, of_r + ridge, 1.0)",
    ),
    Fault(
        "rounding-of-weights-unchecked",
        "skipped check",
        old="if not error <= np.sqrt(np.mean(np.square(y))):",
        new="if not np.isfinite(error):",
    ),
    Fault(
        "given-domain-overwritten",
        "ignored option",
        old="if not self.from_data:",
        new='if not self.from_data and self.basis == "hermite":',
    ),
    Fault(
        "last-hidden-layer-takes-output-bias",
        "off by one",
        old="i <= self.depth else p.output_bias\n            layer = affine(",
        new="i < self.depth else p.output_bias\n            layer = affine(",
    ),
    Fault(
        "second-norm-never-used",
        "dropped term",
        old="change = self._activated(2, change)",
        new="change = self._activated(1, change)",
    ),
    # problems: each economic model, what they share, tables and known functions
    Fault(
        "simulated-productivity-forgets-itself",
        "dropped term",
        old='self.p.rho * state["z"] + self.p.sigma * shock[:, 0]',
        new="self.p.sigma * shock[:, 0]",
    ),
    Fault(
        "bubble-weighted-backwards",
        "wrong sign",
        old="growth = self.p.beta ** (t[-1] - t)",
        new="growth = self.p.beta ** (t - t[-1])",
    ),
    Fault(
        "constant-dividend-compounded-continuously",
        "wrong constant",
        old="jnp.expm1(growth) / rate if rate else t",
        new="jnp.expm1(growth) / log_growth if rate else t",
    ),
    Fault(
        "ridge-of-the-price-has-the-wrong-sign",
        "wrong sign",
        old="[C, b, -float(ridge) * np.eye(n - 1)]",
        new="[C, b, float(ridge) * np.eye(n - 1)]",
    ),
    Fault(
        "next-consumption-at-todays-productivity",
        "off by one",
        old="self.consumption(k_next, k_after, x + 1)",
        new="self.consumption(k_next, k_after, x)",
    ),
    Fault(
        "grid-without-its-steady-state-accepted",
        "skipped check",
        old="self.k_low < k_ss < self.k_high,",
        new="self.k_low < self.k_high,",
    ),
    Fault(
        "steady-consumption-forgets-growth",
        "dropped term",
        old="self.resources(self.k_ss) - (1 + self.g) * self.k_ss",
        new="self.resources(self.k_ss) - self.k_ss",
    ),
    Fault(
        "demand-slope-forgets-curvature",
        "dropped term",
        old="slope = p.alpha1 * p.nu * X ** (p.nu - 1)",
        new="slope = p.alpha1 * X ** (p.nu - 1)",
    ),
    Fault(
        "transversality-of-log-utility",
        "dropped term",
        old="(c[half] / c[last]) ** self.p.gamma",
        new="(c[half] / c[last])",
    ),
    Fault(
        "wage-forgets-productivity",
        "dropped term",
        old="wage = (1 - p.alpha) * eta * K**p.alpha",
        new="wage = (1 - p.alpha) * K**p.alpha",
    ),
    Fault("nan-passes-a-verdict", "skipped check", old="if not found[name] < bar", new="if found[name] >= bar"),
    Fault(
        "loss-of-a-table-in-the-wrong-unit",
        "wrong unit",
        old="self.loss_scale = aim.scale**row.power",
        new="self.loss_scale = aim.scale",
    ),
    Fault(
        "impulse-always-hits-the-first-shock",
        "ignored option",
        old=".at[0, 0, problem.impulses[name]].set(IMPULSE)",
        new=".at[0, 0, 0].set(IMPULSE)",
    ),
    Fault(
        "chebyshev-nodes-squeezed",
        "off by one",
        old="(2 * np.arange(n) + 1) / (2 * n))",
        new="(2 * np.arange(n) + 1) / (2 * n + 1))",
    ),
    # training: optimizers, schedules, early stopping, resuming, ensembles, solving, second order
    Fault(
        "adam-ignores-weight-decay",
        "ignored option",
        old="options.weight_decay > 0 and method not in DECOUPLED",
        new='options.weight_decay > 0 and method == "sgd"',
    ),
    Fault(
        "warm-up-counted-in-steps",
        "wrong unit",
        old="warmup = options.warmup_epochs * steps_per_epoch or",
        new="warmup = options.warmup_epochs or",
    ),
    Fault(
        "recipe-of-a-table-beats-what-is-said",
        "ignored option",
        old="if options.val_fraction == 0 or any(name in named for name in PLAIN):",
        new="if options.val_fraction == 0:",
    ),
    Fault(
        "linear-model-of-a-logit-compared-on-its-training-rows",
        "swapped split",
        old="row.per_row(jnp.asarray(design(val.x) @ w), jnp.asarray(val.y))",
        new="row.per_row(jnp.asarray(z @ w), jnp.asarray(y))",
    ),
    Fault(
        "patience-of-one-epoch-more",
        "off by one",
        old="carry.epoch - best_epoch >= self.options.patience",
        new="carry.epoch - best_epoch > self.options.patience",
    ),
    Fault(
        "validation-with-dropout-on",
        "lost state",
        old="model = nnx.merge(self.graphdef, params, other)\n        model.eval()\n",
        new="model = nnx.merge(self.graphdef, params, other)\n",
    ),
    Fault(
        "last-batch-weighs-too-much",
        "wrong constant",
        old="objective = summed / losses.shape[0]",
        new="objective = summed / (losses.shape[0] if counts is None else jnp.sum(counts))",
    ),
    Fault(
        "stop-loss-looks-at-the-training-loss",
        "swapped split",
        old='low = metrics.get("val_loss", metrics["train_loss"]) <',
        new='low = metrics["train_loss"] <',
    ),
    Fault(
        "resume-takes-no-lock",
        "lost lock",
        old="            lock.enter_context(runs.training_lock(run))",
        new="            pass",
    ),
    Fault(
        "resumed-fit-shuffles-from-the-start",
        "lost state",
        old="Carry(params, other, opt_state, key, best=best, states=states, **position)",
        new="Carry(params, other, opt_state, like.key, best=best, states=states, **position)",
    ),
    Fault(
        "rescaled-data-taken-for-the-same",
        "skipped check",
        old="return {name: here.get(name) for name in before} == before",
        new="return same",
    ),
    Fault(
        "stopped-members-train-on",
        "lost state",
        old="return where(carry.status == RUNNING, after, carry), metrics",
        new="return after, metrics",
    ),
    Fault(
        "another-loss-as-a-method-solved-by-least-squares",
        "skipped check",
        old="return not losses.is_own(setup.problem) or _tried(setup)",
        new="return True",
    ),
    Fault(
        "weights-dropped-in-training",
        "dropped term",
        old="summed = total(losses, product(counts, batch.w))",
        new="summed = total(losses, counts)",
    ),
    Fault(
        "weights-dropped-in-metrics",
        "dropped term",
        old="return _weighted(_together(found), w)",
        new="return _together(found)",
    ),
    Fault(
        "classes-solved-by-least-squares",
        "skipped check",
        old="if not is_squared_error(setup):\n        row",
        new="if losses.of(setup.problem) is losses.EQUATIONS:\n        row",
    ),
    Fault("lm-leaves-out-a-penalty", "skipped check", old='if found["penalty"] != 0:', new='if found["penalty"] < 0:'),
    # evaluation: metrics, intervals, tests, risk, effects, changed problems, simulation, drawing, layout
    Fault(
        "r2-bootstrapped-about-one-mean",
        "dropped term",
        old="sst = means[..., 2] - np.square(means[..., 3:]).mean(axis=-1)",
        new="sst = means[..., 2]",
    ),
    Fault(
        "bootstrap-ignores-groups",
        "ignored option",
        old="_units(columns) if groups is None else _clusters(columns, groups)",
        new="_units(columns)",
    ),
    Fault(
        "conformal-rank-too-low",
        "off by one",
        old="math.ceil((n + 1) * share - 1e-9)",
        new="math.ceil(n * share - 1e-9)",
    ),
    Fault(
        "collinear-instruments-counted",
        "wrong constant",
        old="int(np.median(np.linalg.matrix_rank(products, tol=SINGULAR, hermitian=True)))",
        new="h.shape[2]",
    ),
    Fault(
        "small-samples-make-a-forecast-test-surer",
        "wrong sign",
        old="float(np.sqrt(variance / n)) / small_sample_factor(n, horizon)",
        new="float(np.sqrt(variance / n)) * small_sample_factor(n, horizon)",
    ),
    Fault(
        "interval-over-folds-is-normal",
        "wrong constant",
        old="own * math.sqrt(1 + len(values) * ratio), len(values) - 1)",
        new="own * math.sqrt(1 + len(values) * ratio))",
    ),
    Fault(
        "diverged-members-averaged",
        "skipped check",
        old="[one for one in loaded if not one.diverged] if len(loaded) > 1 else loaded",
        new="loaded",
    ),
    Fault(
        "changed-data-file-evaluated",
        "skipped check",
        old="if same_data(run, setup):",
        new="if same_data(run, setup) or not setup.problem.simulated:",
    ),
    Fault(
        "generalisation-forgets-the-training-sample",
        "dropped term",
        old="generalisation=around(gap, math.hypot(standard_error(seen, seen_groups), error)),",
        new="generalisation=around(gap, error),",
    ),
    Fault(
        "fresh-draws-are-those-of-the-fit",
        "leaked data",
        old="nnx.Rngs(jax.random.fold_in(jax.random.key(self._seed), FRESH))",
        new="nnx.Rngs(self._seed)",
    ),
    Fault(
        "effects-forget-the-spread-of-seeds",
        "dropped term",
        old="errors = np.sqrt(np.nan_to_num(errors) ** 2 + spread**2)",
        new="errors = np.nan_to_num(errors)",
    ),
    Fault(
        "changed-economy-in-units-of-its-own",
        "wrong unit",
        old="assemble(changed, units=units_of(config))",
        new="assemble(changed)",
    ),
    Fault(
        "paths-mixed-with-periods",
        "swapped rows",
        old="name: values.T.ravel() for name, values in simulated.series.items()",
        new="name: values.ravel() for name, values in simulated.series.items()",
    ),
    Fault(
        "best-epoch-drawn-one-too-early",
        "off by one",
        old='int(epochs[np.nanargmin(losses["val"])])',
        new='int(np.nanargmin(losses["val"]))',
    ),
    Fault("pipe-breaks-a-markdown-table", "unescaped output", old="|([\\\\|*_<`]|", new="|([\\\\*_<`]|"),
    Fault(
        "second-line-of-a-title-is-latex",
        "unescaped output",
        old="{' '.join(table.title.split())}",
        new="{table.title}",
    ),
    # sweeps: schema, space, distributions, pruning, study, storage, engine, page, Slurm, W&B
    Fault(
        "probabilities-need-not-sum-to-one",
        "skipped check",
        old="if not math.isclose(total, 1, rel_tol=1e-5):",
        new="if total <= 0:",
    ),
    Fault(
        "parameters-drawn-together",
        "dropped term",
        old='p.quantile(uniform(f"{seed}/{index}/{p.name}"))',
        new='p.quantile(uniform(f"{seed}/{index}"))',
    ),
    Fault(
        "largest-integer-never-drawn",
        "off by one",
        old="int(u * (self.max - self.min + 1))",
        new="int(u * (self.max - self.min))",
    ),
    Fault("eta-of-hyperband-ignored", "ignored option", old='eta = given.get("eta", ETA)', new="eta = ETA"),
    Fault(
        "bayes-does-not-wait-for-its-batch",
        "skipped check",
        old="ready = assignments.settled(min(before, count)) == before",
        new="ready = True",
    ),
    Fault(
        "password-with-an-at-sign-shown",
        "leaked data",
        old='authority, at, place = rest.rpartition("@")\n    user, colon',
        new='authority, at, place = rest.partition("@")\n    user, colon',
    ),
    Fault(
        "torn-line-left-in-the-journal",
        "lost write",
        old="            cut_torn_line(self._path)\n",
        new="            self._path.stat()\n",
    ),
    Fault(
        "two-processes-run-one-sweep-alone",
        "lost lock",
        old='disk.exclusive(self.path / ".lock", taken, shared=shared)',
        new='disk.exclusive(self.path / ".lock", taken, shared=True)',
    ),
    Fault(
        "unstable-trial-can-win",
        "skipped check",
        old='if summary.get("verdict_stability") == "FAILED":  # its loss may be',
        new='if summary.get("stop_reason") == "FAILED":  # its loss may be',
    ),
    Fault(
        "maximised-sweep-keeps-its-worst",
        "wrong sign",
        old='sign = 1 if self.goal == "minimize" else -1\n        done',
        new="sign = 1\n        done",
    ),
    Fault(
        "text-of-a-sweep-ends-its-script",
        "unescaped output",
        old='text.replace("<", "\\\\u003c").replace(',
        new="text.replace(",
    ),
    Fault(
        "slurm-directory-unquoted",
        "unescaped output",
        old="cd {shlex.quote(str(directory))} || exit 1",
        new="cd {directory} || exit 1",
    ),
    Fault(
        "project-of-the-file-beats-the-environment",
        "wrong precedence",
        old='project or os.environ.get("WANDB_PROJECT") or config.get("project")',
        new='project or config.get("project") or os.environ.get("WANDB_PROJECT")',
    ),
    # inspection
    Fault(
        "tolerance-of-a-comparison-ignored",
        "ignored option",
        old="row.max_abs is None or row.max_abs > tolerance]",
        new="row.max_abs is None or row.max_abs > 0]",
    ),
    Fault(
        "gradient-of-a-penalty-too-small",
        "wrong constant",
        old="objective += losses.shape[0] * model.penalty(part.x)",
        new="objective += model.penalty(part.x)",
    ),
    Fault(
        "dead-in-the-last-block-is-dead",
        "lost state",
        old="always = {path: found[path] & always.get(path, True) for path in found}",
        new="always = found",
    ),
    Fault("title-of-a-model-page-unescaped", "unescaped output", old="title = escape(f", new="title = str(f"),
    # export
    Fault(
        "forced-export-deletes-any-directory",
        "skipped check",
        old='if not out.is_dir() or not (out / "model.json").is_file() or',
        new="if not out.is_dir() or",
    ),
    Fault(
        "float64-export-compared-as-float32",
        "wrong constant",
        old="return BOUNDS[self.config.trainer.precision]",
        new='return BOUNDS["float32"]',
    ),
    Fault(
        "failed-export-loses-the-earlier-one",
        "lost write",
        old="        if old.exists() and not path.exists():\n            old.rename(path)  # what was there",
        new="        # what was there",
    ),
    # report
    Fault("cell-of-a-report-unescaped", "unescaped output", old="<td>{escape(cell)}</td>", new="<td>{cell}</td>"),
    Fault(
        "report-replaces-any-file",
        "skipped check",
        old="if mode is not None and mark is not None and not force and mark not in _ends(path):",
        new="if mode is not None and mark is not None and force and mark not in _ends(path):",
    ),
    Fault(
        "sd-of-a-feature-over-n",
        "wrong constant",
        old="sd = float(column.std(ddof=1))",
        new="sd = float(column.std())",
    ),
    # tracking
    Fault(
        "epochs-logged-twice-after-a-kill",
        "skipped check",
        old="if not (new := after(rows, self.last)):",
        new="if not (new := rows):",
    ),
    Fault(
        "last-newline-of-metrics-cut",
        "off by one",
        old="return 0 if found < 0 else begin + found + 1",
        new="return 0 if found < 0 else begin + found",
    ),
    Fault(
        "failed-fit-has-finished-for-wandb",
        "wrong exit code",
        old="run.finish(exit_code=exit_code)",
        new="run.finish()",
    ),
    Fault(
        "trials-share-one-wandb-run",
        "lost state",
        old='"id": run_id(item.name, item.run.path), "resume"',
        new='"id": "one", "resume"',
    ),
    # commands
    Fault(
        "unstable-fit-exits-with-0",
        "wrong exit code",
        old="if failed := health.failed_verdicts(result.summary, options.accept_failed):",
        new="if failed := health.failed_verdicts({}, options.accept_failed):",
    ),
    Fault(
        "runs-not-evaluated-exit-with-0",
        "wrong exit code",
        old='    if failed:\n        raise RunError(f"{len(failed)} of {len(chosen)} runs',
        new='    if failed and not found:\n        raise RunError(f"{len(failed)} of {len(chosen)} runs',
    ),
    Fault(
        "predict-ignores-missing",
        "ignored option",
        old="predictions.predict_file(chosen, options.data, missing=missing, sheet=options.sheet, **given)",
        new="predictions.predict_file(chosen, options.data, sheet=options.sheet, **given)",
    ),
    Fault(
        "timeout-always-in-seconds",
        "wrong unit",
        old="return float(found[1]) * _UNITS[found[2]]",
        new="return float(found[1])",
    ),
    Fault(
        "config-file-beats-the-environment",
        "wrong precedence",
        old="layers = [*typed, (configs.ENVIRONMENT, {k: v for k, v in variables.items() if k in offered}), *files]",
        new="layers = [*typed, *files, (configs.ENVIRONMENT, {k: v for k, v in variables.items() if k in offered})]",
    ),
    # runs, checkpoints, options, code of the user, Python
    Fault(
        "text-written-in-place",
        "lost write",
        old="temporary.replace(path)\n        sync(path.absolute().parent)",
        new="path.write_bytes(temporary.read_bytes())\n        sync(path.absolute().parent)",
    ),
    Fault(
        "name-of-a-run-taken-for-a-start",
        "skipped check",
        old="if (place / SWEEP).is_file():  # not the run",
        new="if False:  # not the run",
    ),
    Fault(
        "forced-fit-replaces-a-run-in-training",
        "skipped check",
        old="if force and Run(path).in_training():",
        new="if force and False:",
    ),
    Fault(
        "damaged-checkpoint-read",
        "skipped check",
        old="if stored is None or bytes(stored).hex() != digest(sections):",
        new="if stored is None:",
    ),
    Fault(
        "fraction-of-an-epoch-accepted",
        "skipped check",
        old="        if value != int(value):\n            raise wrong\n",
        new="",
    ),
    Fault(
        "changed-code-still-trusted",
        "skipped check",
        old="(digest, str(where)) in _remembered()",
        new="str(where) in {path for _, path in _remembered()}",
    ),
    Fault(
        "terminated-fit-exits-as-interrupted",
        "wrong exit code",
        old="130 if signal == 2 else 143",
        new="130 if signal else 143",
    ),
    Fault(
        "predictions-beside-other-rows",
        "swapped rows",
        old="rows = frame.iloc[found.index.to_numpy()]",
        new="rows = frame.iloc[: len(found)]",
    ),
    Fault(
        "failed-fit-does-not-warn",
        "lost warning",
        old="with naming:\n        run = FittedRun(interruptible(work, where_saved).run)\n    health.warn(run.failed,",
        new="with naming:\n        run = FittedRun(interruptible(work, where_saved).run)\n    (run.failed,",
    ),
    Fault(
        "intercept-left-out-is-not-honoured",
        "ignored option",
        old="    mean = sums.total / total if constant else np.zeros(p)",
        new="    mean = sums.total / total",
    ),
    Fault(
        "clusters-are-not-corrected-for-their-number",
        "dropped term",
        old="of.clusters / (of.clusters - 1) * (of.n - 1) / (of.n - k)",
        new="1.0",
    ),
    Fault(
        "leverage-is-left-out-of-hc3",
        "dropped term",
        old="residual = residual / (1 - np.sum(np.square(u), axis=1) / of.counts)",
        new="residual = residual / 1.0",
    ),
    Fault(
        "unconverged-coefficients-printed-as-estimates",
        "lost warning",
        old='converged = not summary.get("not_converged")',
        new="converged = True",
    ),
    Fault(
        "order-takes-some-observations-twice",
        "swapped rows",
        old="left = _plus(left, _hash(right, keys[i]), a)",
        new="left = _plus(left, _hash(left, keys[i]), a)",
    ),
    Fault(
        "old-runs-go-on-in-another-order",
        "lost state",
        old='return config if self.says("shuffle") else config.replace_trainer(shuffle="sort")',
        new="return config",
    ),
    Fault(
        "sums-of-blocks-forget-the-ones-before",
        "dropped term",
        old="np.add.reduce(room if self._begun else room[1:], axis=0), True",
        new="np.add.reduce(room[1:], axis=0), True",
    ),
    Fault(
        "series-tested-on-its-past",
        "swapped split",
        old="    since = len(sizes) - 1 - units  # 0: the latest",
        new="    since = units",
    ),
    Fault(
        "level-of-a-log-without-smearing",
        "dropped term",
        old="np.exp(np.asarray(added[name], np.float64)) * factor",
        new="np.exp(np.asarray(added[name], np.float64))",
    ),
    Fault(
        "signs-of-a-series-drawn-period-by-period",
        "off by one",
        old="length = horizon if n >= BLOCKS * horizon else 1",
        new="length = 1",
    ),
    Fault(
        "effect-of-a-level-that-no-training-row-has",
        "skipped check",
        old="        return moved <= base",
        new="        return True",
    ),
    Fault(
        "odds-of-the-other-classes-left-out-of-the-delta-method",
        "dropped term",
        old="of_shares = one * ((j == k) - other) * apart[:, j] - one * other * apart[:, k]",
        new="of_shares = one * ((j == k) - other) * apart[:, j]",
    ),
    Fault(
        "equations-weighed-by-their-size",
        "wrong sign",
        old="1 / np.maximum(squares, LEAST * largest)",
        new="np.maximum(squares, LEAST * largest)",
    ),
    Fault(
        "reported-losses-are-weighted",
        "dropped term",
        old="problem = with_arrays(self.epoch.problem, equal(inputs.arrays))",
        new="problem = with_arrays(self.epoch.problem, inputs.arrays)",
    ),
    Fault(
        "lm-forgets-its-damping-in-the-second-phase",
        "dropped term",
        old="return replace(states, polish=state) if polishing else replace(states, descent=state)",
        new="return states if polishing else replace(states, descent=state)",
    ),
    Fault(
        "schedule-does-not-end-where-adam-does",
        "off by one",
        old="total = descent_epochs(options) * steps_per_epoch",
        new="total = options.num_epochs * steps_per_epoch",
    ),
    Fault(
        "errors-above-the-published-one-pass",
        "wrong sign",
        old='return ours <= self.size * self.published if self.rule == "at_most"',
        new='return ours >= self.size * self.published if self.rule == "at_most"',
    ),
    Fault(
        "savings-earn-nothing",
        "dropped term",
        old="after = self.p.R * (m - c)[:, None] + jnp.asarray(self._incomes, m.dtype)",
        new="after = (m - c)[:, None] + jnp.asarray(self._incomes, m.dtype)",
    ),
    Fault(
        "responses-in-shares-called-per-cent",
        "wrong unit",
        old="found: np.ndarray = 100 * (hit / base - 1)",
        new="found: np.ndarray = hit / base - 1",
    ),
    Fault(
        "calibration-error-of-bins-not-of-rows",
        "wrong sign",
        old="error = float(np.abs(shares - means) @ sizes / len(p))",
        new="error = float(np.abs((shares - means) @ sizes / len(p)))",
    ),
    Fault(
        "date-in-a-figure",
        "ignored option",
        old='".pdf": {"CreationDate": None, ',
        new='".pdf": {',
    ),
    Fault(
        "of-several-seeds-the-best",
        "wrong constant",
        old="told = {name: statistics.median(values) for name, values in found.items()}",
        new="told = {name: min(values) for name, values in found.items()}",
    ),
    Fault(
        "households-between-two-points-of-a-histogram-swapped",
        "off by one",
        old="values = np.concatenate([(chance * (1 - above)[:, None]).ravel(), (chance * above[:, None]).ravel()])",
        new="values = np.concatenate([(chance * above[:, None]).ravel(), (chance * (1 - above)[:, None]).ravel()])",
    ),
)
