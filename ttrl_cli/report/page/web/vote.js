// The page of a vote.

function votePage(run) {
  const panel = questionPanel(run);
  const choose = (at, jump) => {
    panel.open(at);
    if (jump) panel.box.scrollIntoView({ block: "nearest" });
  };
  if (run.questions.length) choose(0);
  return [
    heading(run, voteFacts(run)),
    el("div", { class: "cards" }, cameOf(run), healthCard(run), firstPrompt(run)),
    section("Before and after", "", passes(run), byField(run)),
    run.training.step ? section("Training, step by step", "", trainingCharts(run)) : null,
    section("Questions", "", el("div", { class: "halves" }, questionList(run, choose), panel.box)),
    section("Health", "What learning did, step by step.", healthCharts(run)),
    details(run),
  ];
}

function passOf(run, name) {
  const { figures } = run;
  if (!figures) return null;
  return "before" in figures ? figures[name] : name === "before" ? figures : null;
}

function voteFacts(run) {
  const [before, after] = [passOf(run, "before"), passOf(run, "after")];
  const now = after || before;
  return [
    ["questions", count(run.questions.length)],
    ["maj@n", now && now["maj@n"] !== null ? percent(now["maj@n"], 1) : null],
    ["pass@1", now && now["pass@1"] !== null ? percent(now["pass@1"], 1) : null],
    ["samples", count(run.summary.samples)],
    ["steps", count(run.summary.steps)],
    ["tokens", run.summary.tokens ? count(run.summary.tokens) : null],
    ["time", duration(run.summary.seconds)],
  ];
}

function cameOf(run) {
  return el(
    "div",
    { class: "card", id: "found" },
    el("h2", {}, "What came of it?"),
    run.findings.map((sentence) => el("p", {}, sentence)),
  );
}

function firstPrompt(run) {
  const place = el("div", {});
  if (run.questions.length) {
    record(run, run.questions[0].prompt).then((read) => fill(place, promptView(read.messages)));
  }
  return el(
    "div",
    { class: "card", id: "seen" },
    el("h2", {}, "What did the model see?"),
    el("p", {}, "The prompt of the first question. Of each question the tab Prompt shows its own."),
    place,
  );
}

const FIGURES = [
  ["pass@1", "one sample is right", 1],
  ["maj@n", "the majority is right", 1],
  ["majority_ratio", "samples that agree with their majority", 1],
  ["reward_accuracy", "samples whose pseudo-reward is the true one", 1],
  ["parsed", "samples with an answer", 1],
  ["entropy", "entropy of the votes, nats", 0],
];

function passes(run) {
  const [before, after] = [passOf(run, "before"), passOf(run, "after")];
  if (!before) return el("p", { class: "note" }, "No pass is finished yet.");
  const cell = (pass, key, share) => {
    if (!pass || pass[key] === null || pass[key] === undefined) return "";
    const range = pass[`${key}_interval`];
    const text = share ? percent(pass[key], 1) : figure(pass[key]);
    return range ? [text, el("span", { class: "note" }, ` ${percent(range[0], 0)} to ${percent(range[1], 0)}`)] : text;
  };
  const rows = FIGURES.filter(([key]) => before[key] !== null && before[key] !== undefined).map(([key, what, share]) => [
    el("span", {}, el("b", {}, key), ` ${what}`),
    cell(before, key, share),
    ...(after ? [cell(after, key, share)] : []),
  ]);
  if (after && after["pass@1"] !== null && before["maj@n"] !== null) {
    rows.push([el("b", {}, "pass@1 after against maj@n before"), percent(before["maj@n"], 1), percent(after["pass@1"], 1)]);
  }
  return table(["", after ? "before" : "", ...(after ? ["after"] : [])], rows, "figures");
}

function byField(run) {
  if (!run.fields.length) return null;
  const place = el("div", {});
  const mean = (values) => {
    const known = values.filter((value) => value !== null);
    return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
  };
  const show = (field) => {
    const groups = new Map();
    for (const one of run.questions) {
      const value = one.fields[field];
      groups.set(value, [...(groups.get(value) || []), one]);
    }
    const names = [...groups.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const pair = (members, of) => {
      const [before, after] = ["before", "after"].map((pass) => mean(members.map((one) => (one[pass] && one[pass].right ? of(one[pass]) : null))));
      return after === null ? percent(before) : `${percent(before)} \u2192 ${percent(after)}`;
    };
    fill(
      place,
      table(
        [field, "questions", "pass@1", "maj@n"],
        names.map((name) => {
          const members = groups.get(name);
          return [name, members.length, pair(members, correctShare), pair(members, (vote) => Number(isRight(vote)))];
        }),
        "list",
      ),
    );
  };
  const first = run.by && run.fields.includes(run.by) ? run.by : run.fields[0];
  show(first);
  return el("div", { id: "by" }, select("By", run.fields.map((field) => [field, field]), first, show), place);
}

function trainingCharts(run) {
  const { training } = run;
  const of = (name, kind, key) => ({ name, kind, points: pointsOf(training.step, training[key]), dots: training.step.length < 20 });
  const small = (title, note, series, more) => chart({ size: "small", title, note, x: "step", series, ...more });
  const whole = { from0: true, to: 1 };
  const drawn = [
    small("Labels and rewards", "share that is right", [of("label accuracy", "one", "label_accuracy"), of("reward accuracy", "two", "reward_accuracy")], whole),
    small("Ground truth", "share of samples that are right", [of("ground-truth ratio", "one", "ground_truth")], whole),
    small("Majority", "share of samples in it", [of("majority share", "one", "majority")], whole),
    small("Entropy of the votes", "nats", [of("entropy", "one", "entropy")], { from0: true }),
    run.summary.tokens && small("Length", "tokens a sample", [of("tokens", "one", "length")], { from0: true }),
  ].filter((one) => one && one.querySelector(".plot:empty"));
  return el("div", { class: "small-charts" }, drawn);
}
