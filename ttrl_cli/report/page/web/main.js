// The page as a whole: what every run has, and several runs side by side.

function heading(run, facts) {
  const { summary } = run;
  const origin = [
    `${run.kind === "solve" ? "search" : "vote"} in ${run.summary.run}`,
    `begun ${run.provenance.started}`,
    summary.stopped_by ? `ended by: ${summary.stopped_by}` : "",
    run.start_from ? `started from ${run.start_from}` : "",
    `ttrl ${run.provenance.ttrl}`,
  ];
  const kind = { done: "good", failed: "bad" }[summary.status] || "";
  return el(
    "header",
    {},
    el("h1", {}, run.name, " ", chip(summary.status, kind)),
    el("p", { class: "note" }, origin.filter(Boolean).join(", ")),
    el("dl", { class: "big" }, facts.filter(([, value]) => value !== null).map(([name, value]) => fact(name, value))),
  );
}

function details(run) {
  const options = run.config.map(([key, value, usual]) => [key, el("span", { class: usual ? "note" : "" }, shown(value))]);
  const origin = Object.entries(run.provenance).map(([key, value]) => [key, shown(value)]);
  return section(
    "Configuration and provenance",
    "",
    el("details", {}, el("summary", {}, "Options"), el("p", { class: "note" }, "Defaults are faint."), table(null, options, "pairs")),
    el("details", {}, el("summary", {}, "Where it came from"), table(null, origin, "pairs")),
    run.statement ? el("details", {}, el("summary", {}, "Statement of the problem"), code(run.statement, "wrap")) : null,
    run.best_known_source ? el("p", { class: "note" }, `Best known: ${run.best_known_source}`) : null,
  );
}

function differing(runs) {
  const keys = runs[0].config.map(([key]) => key);
  const value = (run, key) => shown((run.config.find(([name]) => name === key) || [key, null])[1]);
  return keys
    .filter((key) => new Set(runs.map((run) => value(run, key))).size > 1)
    .map((key) => [key, ...runs.map((run) => value(run, key))]);
}

function sideBySide(runs) {
  const facts = runs.map((run) => new Map(run.kind === "solve" ? searchFacts(run) : voteFacts(run)));
  const names = [...new Set(facts.flatMap((one) => [...one.keys()]))];
  const rows = names
    .map((name) => [name, ...facts.map((one) => one.get(name) ?? "")])
    .filter(([, ...cells]) => cells.some((cell) => cell !== ""));
  rows.push(["health", ...runs.map((run) => run.health.text)]);
  const searches = runs.filter((run) => run.kind === "solve");
  const alike = searches.length > 1 && new Set(searches.map((run) => `${run.name} ${run.direction}`)).size === 1;
  const differences = differing(runs);
  return [
    section("Side by side", "", table(["", ...runs.map((run) => run.title)], rows, "list")),
    differences.length
      ? section("What differs in their options", "", table(["", ...runs.map((run) => run.title)], differences, "list"))
      : null,
    alike ? section("Best so far", "", bestSoFar(searches)) : null,
  ];
}

function bestSoFar(runs) {
  const kinds = ["one", "two", "three", "four", "five", "six"];
  const series = runs.map((run, at) => {
    const points = improvements(run).map(([sample, value]) => [sample, value]);
    if (points.length) points.push([run.nodes.id.length - run.first, points[points.length - 1][1]]);
    return { name: run.title, kind: kinds[at % kinds.length], points, stairs: true };
  });
  const known = runs[0].summary.best_known;
  return chart({
    title: `Best score${runs.some((run) => run.unverified) ? ", unverified," : ""} over samples`,
    note: runs[0].direction === "minimize" ? "lower is better" : "higher is better",
    x: "samples",
    series,
    lines: known === null ? [] : [{ name: "best known", kind: "known", y: known }],
  });
}

function draw() {
  RUNS.forEach((run, number) => {
    run.number = number;
  });
  const report = document.getElementById("report");
  const one = (run) => (run.kind === "solve" ? searchPage(run) : votePage(run));
  if (RUNS.length === 1) {
    add(report, one(RUNS[0]));
    return;
  }
  const place = el("div", {});
  const bar = el("nav", { class: "tabs runs" });
  const open = (chosen, pieces) => {
    for (const button of bar.children) button.setAttribute("aria-selected", String(button === chosen));
    fill(place, pieces());
  };
  for (const [name, pieces] of [["All runs", () => sideBySide(RUNS)], ...RUNS.map((run) => [run.title, () => one(run)])]) {
    const button = el("button", { type: "button", onclick: () => open(button, pieces) }, name);
    bar.append(button);
  }
  add(report, [el("h1", {}, "Runs side by side"), bar, place]);
  bar.firstChild.click();
}

draw();
