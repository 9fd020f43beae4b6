// Hands on the tree: clicks, drags, two fingers, the wheel and arrow keys.

function nearestNode(view, x, y, reach) {
  let found = -1;
  let least = reach * reach;
  for (const [node, [nx, ny]] of view.at || []) {
    const far = (nx - x) ** 2 + (ny - y) ** 2;
    if (far < least || (far === least && view.trunk.has(node))) [found, least] = [node, far];
  }
  return found;
}

function moveTree(view) {
  const { frame, state } = view;
  const fingers = new Map();
  let moved = 0;
  const spot = (event) => {
    const edge = frame.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };
  frame.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, spot(event));
    moved = 0;
  });
  frame.addEventListener("pointermove", (event) => {
    const [x, y] = spot(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      tellNode(view, nearestNode(view, x, y, 12));
      return;
    }
    moved += Math.abs(x - before[0]) + Math.abs(y - before[1]);
    if (moved > 4) frame.setPointerCapture(event.pointerId);
    if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const apart = ([a, b]) => Math.hypot(a - other[0], b - other[1]) || 1;
      zoomTree(view, apart([x, y]) / apart(before), other[0], other[1]);
    } else if (moved > 4) {
      state.x += x - before[0];
      state.y += y - before[1];
      placeTree(view);
    }
    fingers.set(event.pointerId, [x, y]);
  });
  const lift = (event) => {
    const was = fingers.delete(event.pointerId);
    if (event.type !== "pointerup" || !was || moved > 4) return;
    const node = nearestNode(view, ...spot(event), 18);
    if (node >= 0) view.chosen(node, true);
  };
  for (const type of ["pointerup", "pointercancel", "pointerleave"]) frame.addEventListener(type, lift);
  frame.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomTree(view, Math.exp(-event.deltaY / 200), ...spot(event));
    },
    { passive: false },
  );
  frame.addEventListener("keydown", (event) => {
    const node = neighbour(view, event.key);
    if (node === undefined) return;
    event.preventDefault();
    view.chosen(node);
  });
}

function tellNode(view, node) {
  const { run } = view;
  const { nodes } = run;
  view.frame.classList.toggle("over", node >= 0);
  if (node < 0) return;
  const value = nodes.score[node];
  view.told.textContent = `${nodes.id[node]}: ${value === null ? nodes.status[node] : scoreOf(run, value)}`;
}

function neighbour(view, key) {
  const { run, state, children, row } = view;
  if (!row || !row.has(state.node)) return undefined;
  const parent = run.nodes.parent[state.node];
  if (key === "ArrowLeft") return parent < 0 ? undefined : parent;
  const below = children.get(state.node);
  if (key === "ArrowRight") return below.find((node) => view.trunk.has(node)) ?? below[0];
  const beside = parent < 0 ? view.nodes.filter((node) => run.nodes.parent[node] < 0) : children.get(parent);
  const at = beside.indexOf(state.node);
  if (key === "ArrowUp") return beside[at - 1];
  if (key === "ArrowDown") return beside[at + 1];
  return undefined;
}
