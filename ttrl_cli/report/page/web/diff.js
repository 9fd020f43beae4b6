// What changed between two texts: by lines, or by words where both have one line.

const MOST_PAIRS = 4e6;

// [op, part] with op " ", "-" or "+": a longest common subsequence, common ends taken off first.
function changes(before, after) {
  let start = 0;
  const most = Math.min(before.length, after.length);
  while (start < most && before[start] === after[start]) start += 1;
  let end = 0;
  while (
    end < most - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end += 1;
  }
  const same = (part) => [" ", part];
  return [
    ...before.slice(0, start).map(same),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ];
}

function middle(before, after) {
  const [rows, columns] = [before.length, after.length];
  if (!rows || !columns || rows * columns > MOST_PAIRS) {
    return [...before.map((part) => ["-", part]), ...after.map((part) => ["+", part])];
  }
  const width = columns + 1;
  const longest = new Uint32Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      longest[i * width + j] =
        before[i] === after[j]
          ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const found = [];
  let [i, j] = [0, 0];
  while (i < rows && j < columns) {
    if (before[i] === after[j]) {
      found.push([" ", before[i]]);
      i += 1;
      j += 1;
    } else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
      found.push(["-", before[i]]);
      i += 1;
    } else {
      found.push(["+", after[j]]);
      j += 1;
    }
  }
  for (; i < rows; i += 1) found.push(["-", before[i]]);
  for (; j < columns; j += 1) found.push(["+", after[j]]);
  return found;
}

const CONTEXT = 3;

function diffView(before, after) {
  if (before === after) return el("p", { class: "note" }, "The same text as its parent's.");
  if (!before.trim().includes("\n") && !after.trim().includes("\n")) return words(before, after);
  const found = changes(before.split("\n"), after.split("\n"));
  const near = found.map(() => false);
  found.forEach(([op], at) => {
    if (op === " ") return;
    for (let k = Math.max(0, at - CONTEXT); k <= at + CONTEXT && k < found.length; k += 1) {
      near[k] = true;
    }
  });
  const box = el("pre", { class: "code diff" });
  let hidden = 0;
  found.forEach(([op, line], at) => {
    if (!near[at]) {
      hidden += 1;
      return;
    }
    if (hidden) box.append(el("div", { class: "gap" }, `${plural(hidden, "line")} unchanged`));
    hidden = 0;
    box.append(el("div", { class: { "+": "new", "-": "old", " ": "" }[op] }, `${op} ${line}`));
  });
  if (hidden) box.append(el("div", { class: "gap" }, `${plural(hidden, "line")} unchanged`));
  return box;
}

function words(before, after) {
  const box = el("pre", { class: "code diff wrap" });
  for (const [op, part] of changes(before.trim().split(/(\s+)/), after.trim().split(/(\s+)/))) {
    box.append(op === " " ? part : el(op === "+" ? "ins" : "del", {}, part));
  }
  return box;
}
