// One solution: what it is, what changed, what was asked, what came back.

function tabs(names, draw) {
  const place = el("div", { class: "tab" });
  const bar = el("div", { class: "tabs", role: "tablist" });
  const open = (name) => {
    for (const button of bar.children) {
      button.setAttribute("aria-selected", String(button.textContent === name));
    }
    fill(place, draw(name));
  };
  for (const name of names) {
    bar.append(el("button", { type: "button", role: "tab", onclick: () => open(name) }, name));
  }
  open(names[0]);
  return el("div", {}, bar, place);
}

function code(text, kind) {
  return el("pre", { class: `code ${kind || ""}` }, text);
}

function conversation(messages) {
  return el(
    "div",
    {},
    el("p", { class: "note" }, "Laid out by the model's chat template, these turns are what the model was given."),
    messages.map((turn) => [el("p", { class: "role" }, turn.role), code(turn.content, "wrap")]),
  );
}

function nodeName(run, node) {
  const { id, step } = run.nodes;
  if (node < run.first) return `${id[node]} (there before step 1)`;
  return `${id[node]} (step ${step[node]}, sample ${count(node - run.first + 1)})`;
}

function solutionPanel(run, choose) {
  const box = el("article", { class: "solution", "aria-live": "polite" });
  let wanted = -1;
  const open = async (node) => {
    wanted = node;
    const parent = run.nodes.parent[node];
    const texts = await record(run, node);
    const before = parent < 0 ? null : await record(run, parent);
    const asked = parent < 0 ? undefined : run.prompts[run.nodes.id[parent]];
    const prompt = asked === undefined ? null : await record(run, asked);
    if (wanted === node) fill(box, ...describeNode(run, node, { texts, before, prompt }, choose));
  };
  return { box, open };
}

function describeNode(run, node, read, choose) {
  const { nodes, best } = run;
  const parent = nodes.parent[node];
  const isBest = best && best.node === node;
  const value = scoreOf(run, nodes.score[node], isBest ? best.error : null);
  const link = (to) =>
    el("button", { type: "button", class: "link", onclick: () => choose(to) }, nodeName(run, to));
  const below = [];
  for (let child = node + 1; child < nodes.id.length; child += 1) {
    if (nodes.parent[child] === node && nodes.score[child] !== null) below.push(child);
  }
  below.sort((a, b) => (better(run, nodes.score[a], nodes.score[b]) ? -1 : 1));
  return [
    el("h3", {}, nodeName(run, node), " ", isBest ? chip("best", "good") : null, chip(nodes.status[node], nodes.score[node] === null ? "bad" : "")),
    el(
      "dl",
      { class: "facts" },
      fact("score", value),
      parent >= 0 ? fact("made from", link(parent), ` with score ${scoreOf(run, nodes.score[parent])}`) : null,
      nodes.advantage[node] === null ? null : fact("advantage", figure(nodes.advantage[node])),
      nodes.tokens[node] ? fact("tokens", `${count(nodes.tokens[node])}${nodes.finished[node] ? "" : ", cut off"}`) : null,
      below.length ? fact("led to", plural(below.length, "valid solution"), ", the best ", link(below[0]), ` with ${scoreOf(run, nodes.score[below[0]])}`) : null,
    ),
    noted("Why it is not valid", read.texts.reason),
    noted("What the verifier says", read.texts.feedback),
    noted("What it printed", read.texts.output),
    nodeTabs(run, node, read, isBest),
  ];
}

function fact(name, ...value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
}

function noted(name, text) {
  return text ? el("div", {}, el("p", { class: "role" }, name), code(text, "wrap short")) : null;
}

function nodeTabs(run, node, { texts, before, prompt }, isBest) {
  const own = texts.solution || texts.text || "";
  const shownTabs = {};
  if (before) shownTabs["Changes"] = () => diffView(before.solution || before.text || "", own);
  if (texts.solution) shownTabs["Solution"] = () => code(texts.solution, run.form === "program" ? "" : "wrap");
  if (texts.text) shownTabs["Completion"] = () => code(texts.text, "wrap");
  if (texts.shown) shownTabs["As prompts show it"] = () => code(texts.shown, "wrap");
  if (prompt) shownTabs["Prompt"] = () => conversation(prompt.messages);
  if (isBest) shownTabs["Certificate and data"] = () => proofs(run.best);
  const names = Object.keys(shownTabs);
  return names.length ? tabs(names, (name) => shownTabs[name]()) : null;
}

function proofs(best) {
  return el(
    "div",
    {},
    el("p", {}, best.certificate ? best.certificate.claim || "There is a certificate." : "There is no certificate."),
    best.held_out
      ? [el("p", { class: "role" }, "Held out"), table(null, Object.entries(best.held_out).map(([key, value]) => [key, shown(value)]))]
      : null,
    Object.keys(best.metrics).length
      ? [el("p", { class: "role" }, "Further metrics"), table(null, Object.entries(best.metrics).map(([key, value]) => [key, figure(value, 8)]))]
      : null,
    el("p", { class: "role" }, "Verified data"),
    code(best.data, "wrap short"),
    best.certificate ? [el("p", { class: "role" }, "Certificate"), code(best.certificate.text, "wrap short")] : null,
  );
}
