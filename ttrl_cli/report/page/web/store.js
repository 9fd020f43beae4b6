// The data of the page, and its packed texts, unpacked when one is asked for.

const PART_RECORDS = 64;
const RUNS = JSON.parse(document.getElementById("data").textContent).runs;
const unpackedParts = new Map();

async function unpack(name) {
  const packed = document.getElementById(name).textContent;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function record(run, number) {
  const name = `texts-${run.number}-${Math.floor(number / PART_RECORDS)}`;
  if (!unpackedParts.has(name)) unpackedParts.set(name, unpack(name));
  return (await unpackedParts.get(name))[number % PART_RECORDS];
}

// Whether a score is better than another, in the direction of the run's problem.
function better(run, one, other) {
  return run.direction === "minimize" ? one < other : one > other;
}

// The samples of a search at which the best score changed: [sample, score, node].
function improvements(run) {
  const scores = run.nodes.score;
  const found = [];
  let best = null;
  for (let node = 0; node < scores.length; node += 1) {
    if (scores[node] === null || (best !== null && !better(run, scores[node], best))) continue;
    best = scores[node];
    if (node < run.first && found.length) found.pop();
    found.push([Math.max(0, node - run.first + 1), best, node]);
  }
  return found;
}

function ancestry(run, node) {
  const path = [];
  for (let at = node; at >= 0; at = run.nodes.parent[at]) path.push(at);
  return path;
}

// Where the scores of a search lie, without the worst quarter unless the best was there: [low, high].
function scoreDomain(run) {
  const valid = run.nodes.score.filter((value) => value !== null).sort((a, b) => a - b);
  const must = improvements(run).map((found) => found[1]);
  if (run.summary.best_known !== null) must.push(run.summary.best_known);
  if (!valid.length) return must.length ? [Math.min(...must), Math.max(...must)] : [0, 1];
  const at = (share) => valid[Math.round(share * (valid.length - 1))];
  const [low, high] = run.direction === "minimize" ? [at(0), at(0.75)] : [at(0.25), at(1)];
  return [Math.min(low, ...must), Math.max(high, ...must)];
}
