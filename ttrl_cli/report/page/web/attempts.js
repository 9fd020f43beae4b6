// The attempts as a list, twenty at a time.

const PAGE = 20;

// given: total, options of a filter, filter(which) -> numbers, head, row(number) -> cells
function paged(given) {
  const state = { which: given.options[0][0], sort: "", from: 0 };
  const place = el("div", {});
  const turn = el("div", { class: "bar-of-tools" });
  const draw = () => {
    const found = given.filter(state.which);
    const upto = Math.min(found.length, state.from + PAGE);
    fill(place, table(given.head, found.slice(state.from, upto).map(given.row), "list"));
    const move = (by) => () => {
      state.from += by;
      draw();
    };
    fill(
      turn,
      el("button", { type: "button", disabled: state.from === 0, onclick: move(-PAGE) }, "Earlier"),
      el("button", { type: "button", disabled: upto >= found.length, onclick: move(PAGE) }, "Later"),
      el("span", { class: "note" }, found.length ? `${count(state.from + 1)} to ${count(upto)} of ${count(found.length)}` : "none"),
    );
  };
  const bar = el(
    "div",
    { class: "bar-of-tools" },
    select("Show", given.options, state.which, (value) => {
      Object.assign(state, { which: value, from: 0 });
      draw();
    }),
  );
  draw();
  return el("div", {}, bar, place, turn);
}

function attemptList(run, choose) {
  const { nodes, first } = run;
  const every = [];
  const counts = new Map();
  for (let node = first; node < nodes.id.length; node += 1) {
    every.push(node);
    counts.set(nodes.status[node], (counts.get(nodes.status[node]) || 0) + 1);
  }
  const counted = nodes.tokens.some((tokens) => tokens > 0); // scripted completions have none
  const scored = every.filter((node) => nodes.score[node] !== null);
  const options = [
    ["best", "the best first"],
    ["new", "those that were the best when they came"],
    ["all", "all, in order"],
    ...[...counts].map(([status, number]) => [`is ${status}`, `${status} (${count(number)})`]),
  ];
  const filter = (which) => {
    if (which === "best") {
      return [...scored].sort((a, b) => (nodes.score[a] === nodes.score[b] ? a - b : better(run, nodes.score[a], nodes.score[b]) ? -1 : 1));
    }
    if (which === "new") return improvements(run).map((found) => found[2]).filter((node) => node >= first);
    return which === "all" ? every : every.filter((node) => `is ${nodes.status[node]}` === which);
  };
  const link = (node) =>
    node < 0 ? "" : el("button", { type: "button", class: "link", onclick: () => choose(node, true) }, nodes.id[node]);
  return paged({
    options,
    filter,
    head: ["sample", "attempt", "step", "made from", "status", "score", ...(counted ? ["tokens"] : [])],
    row: (node) => [
      count(node - first + 1),
      link(node),
      nodes.step[node],
      link(nodes.parent[node]),
      nodes.status[node],
      nodes.score[node] === null ? "" : scoreOf(run, nodes.score[node]),
      ...(counted ? [`${count(nodes.tokens[node])}${nodes.finished[node] ? "" : " (cut off)"}`] : []),
    ],
  });
}
