// The trials as a table that a click (or Enter) on a header sorts; those filtered out are not in it.

function trialTable(table, sweep, on) {
  const columns = [
    { name: "trial", of: (trial) => trial.number },
    ...sweep.parameters.map((name, i) => ({ name, of: (trial) => trial.params[i] })),
    { name: sweep.metric, of: (trial) => trial.value, best: sweep.goal === "minimize" ? 1 : -1 },
    ...sweep.objectives.slice(1).map(({ name }) => ({ name, of: (trial) => trial.metrics[name] })),
    { name: "epochs", of: (trial) => trial.epochs },
    { name: "seconds", of: (trial) => trial.seconds, digits: 3 },
    { name: "state", of: (trial) => trial.state },
  ];
  if (sweep.trials.some((trial) => trial.reason)) columns.push({ name: "reason", of: (trial) => trial.reason });
  for (const column of columns) {
    const values = sweep.trials.map(column.of).filter(given);
    column.text = values.length > 0 && !values.every(isNumber);
    column.long = column.text && values.some((value) => String(value).length > 24);
  }
  const heads = columns.map((column) => {
    const button = html("button", { type: "button" }, column.name);
    const head = html("th", { scope: "col", "aria-sort": "none", class: column.text ? "text" : "" }, button);
    button.addEventListener("click", () => sort(column, head.getAttribute("aria-sort") === "ascending" ? -1 : 1));
    return head;
  });
  const rows = new Map(sweep.trials.map((trial) => [trial, rowOf(trial)]));
  const body = html("tbody");
  table.replaceChildren(html("thead", {}, html("tr", {}, ...heads)), body);

  function rowOf(trial) {
    const row = html("tr", { class: trial.number === sweep.best ? "best" : "" });
    for (const column of columns) {
      const value = column.of(trial);
      const kind = [column.text && "text", column.long && "long", column.name === "state" && trial.state];
      const text = column.name === "reason" && !given(value) ? "" : format(value, column.digits);
      row.append(html("td", { class: kind.filter(Boolean).join(" ") }, text));
    }
    row.addEventListener("pointerenter", (event) => on.point(trial, event, false));
    row.addEventListener("pointerleave", () => on.point(null));
    return row;
  }

  function sort(column, direction) {
    for (const [i, head] of heads.entries()) {
      head.setAttribute("aria-sort", columns[i] !== column ? "none" : direction > 0 ? "ascending" : "descending");
    }
    const compare = (a, b) => (isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b)));
    const order = [...rows.keys()].sort((a, b) => {
      const [x, y] = [column.of(a), column.of(b)];
      if (!given(x) || !given(y)) return given(y) - given(x) || a.number - b.number; // missing ones last, both ways
      return direction * compare(x, y) || a.number - b.number;
    });
    body.replaceChildren(...order.map((trial) => rows.get(trial)));
  }

  function filter() {
    for (const [trial, row] of rows) row.hidden = !sweep.kept(trial);
  }

  function point(trial) {
    body.querySelector("tr.pointed")?.classList.remove("pointed");
    rows.get(trial)?.classList.add("pointed");
  }

  const metric = columns.find((column) => column.best);
  sort(metric, metric.best);
  return { filter, point };
}
