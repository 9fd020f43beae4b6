// The questions of a vote: a list, and one of them with its clusters and samples.

const SAMPLES = 24;

function mark(vote) {
  if (!vote) return el("span", { class: "note" }, "not yet");
  const right = vote.right === null ? "" : vote.right[0] === true ? "\u2713 " : "\u2717 ";
  const kind = vote.right === null ? "" : vote.right[0] === true ? "right" : "wrong";
  const votes = vote.clusters.length ? vote.clusters[0][1] : 0;
  return el("span", { class: kind }, right, vote.answer ?? "no answer", ` (${percent(votes / vote.n)})`);
}

function isRight(vote) {
  return Boolean(vote && vote.right && vote.right[0]);
}

function correctShare(vote) {
  if (!vote || vote.right === null) return null;
  return vote.clusters.reduce((sum, [, votes], at) => sum + (vote.right[at] ? votes : 0), 0) / vote.n;
}

function questionList(run, choose) {
  const { questions } = run;
  const both = (one) => one.before && one.after;
  const tests = {
    all: () => true,
    changed: (one) => both(one) && one.before.answer !== one.after.answer,
    gained: (one) => both(one) && !isRight(one.before) && isRight(one.after),
    lost: (one) => both(one) && isRight(one.before) && !isRight(one.after),
    wrong: (one) => (one.after || one.before)?.right?.[0] === false,
    tied: (one) => Boolean((one.after || one.before)?.tie),
  };
  const names = {
    all: "all questions",
    changed: "those whose answer changed",
    gained: "those that became right",
    lost: "those that became wrong",
    wrong: "those answered wrong",
    tied: "those with a tie",
  };
  const filter = (which) => questions.map((_, at) => at).filter((at) => tests[which](questions[at]));
  const trained = run.figures && "before" in run.figures;
  return paged({
    options: Object.keys(names).map((which) => [which, `${names[which]} (${filter(which).length})`]),
    filter,
    head: ["id", "question", "label", trained ? "before" : "answer", ...(trained ? ["after"] : [])],
    row: (at) => {
      const one = questions[at];
      const name = el("button", { type: "button", class: "link", onclick: () => choose(at, true) }, one.id);
      const text = el("span", { class: "clip" }, one.text.slice(0, 200));
      return [name, text, one.label ?? "", mark(one.before), ...(trained ? [mark(one.after)] : [])];
    },
  });
}

function clusters(title, vote) {
  const box = el("div", { class: "clusters" }, el("p", { class: "role" }, title));
  if (!vote) return add(box, [el("p", { class: "note" }, "not asked")]);
  const rows = vote.clusters.slice(0, 8).map(([answer, votes], at) => [answer, votes, vote.right ? vote.right[at] : null]);
  const others = vote.clusters.slice(8).reduce((sum, [, votes]) => sum + votes, 0);
  if (others) rows.push([`${vote.clusters.length - 8} other answers`, others, null]);
  if (vote.n > vote.parsed) rows.push(["no answer", vote.n - vote.parsed, null]);
  for (const [answer, votes, right] of rows) {
    const kind = right === null ? "" : right ? "right" : "wrong";
    const track = el("span", { class: "track" });
    const length = el("i", { class: kind });
    length.style.width = `${(100 * votes) / vote.n}%`;
    track.append(length);
    box.append(
      el("div", { class: "cluster" }, el("span", { class: `name ${kind}` }, answer), track, el("span", { class: "votes" }, votes)),
    );
  }
  return box;
}

function questionPanel(run) {
  const box = el("article", { class: "solution", "aria-live": "polite" });
  let wanted = -1;
  const open = async (at) => {
    wanted = at;
    const one = run.questions[at];
    const prompt = await record(run, one.prompt);
    if (wanted !== at) return;
    const label = one.label === null ? "no label" : `label ${one.label}`;
    fill(
      box,
      el("h3", {}, `Question ${one.id} `, chip(label), Object.entries(one.fields).map(([key, value]) => chip(`${key}: ${value}`))),
      code(one.text, "wrap short"),
      clusters(one.after ? "Before training" : "Votes", one.before),
      one.after ? clusters("After training", one.after) : null,
      tabs(["Samples", "Prompt"], (name) => (name === "Samples" ? samples(run, at) : conversation(prompt.messages))),
    );
  };
  return { box, open };
}

function samples(run, question) {
  const { attempts } = run;
  const mine = [];
  (attempts.question || []).forEach((asked, at) => {
    if (asked === question) mine.push(at);
  });
  const steps = [...new Set(mine.map((at) => attempts.step[at]))];
  const place = el("div", {});
  const stage = (step) => {
    const at = (run.metrics.step || []).indexOf(step);
    return at < 0 ? `step ${step}` : `step ${step}, ${run.metrics.stage[at]}`;
  };
  const show = async (step) => {
    const chosen = mine.filter((at) => attempts.step[at] === Number(step)).slice(0, SAMPLES);
    const read = await Promise.all(chosen.map((at) => record(run, at)));
    fill(
      place,
      read.map((one, index) => {
        const at = chosen[index];
        const facts = `${one.answer ?? "no answer"} \u00b7 ${attempts.tokens[at] ? plural(attempts.tokens[at], "token") : "scripted"}${attempts.finished[at] ? "" : ", cut off"}`;
        return el("details", {}, el("summary", {}, facts), one.reason ? el("p", { class: "note" }, one.reason) : null, code(one.text || "", "wrap"));
      }),
      el("p", { class: "note" }, `${read.length} of the step's samples`),
    );
  };
  if (!steps.length) return el("p", { class: "note" }, "no samples yet");
  const last = steps[steps.length - 1];
  show(last);
  return el("div", {}, select("Of", steps.map((step) => [String(step), stage(step)]), String(last), show), place);
}
