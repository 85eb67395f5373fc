"use strict";
// Draws the parts of a network, opens and closes blocks, and tells of what is clicked. Layout is dagre's, block by block.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { parts, roots, edges, rows } = data;
  const NS = "http://www.w3.org/2000/svg";
  const CARD = 44, JOIN = 26, HEAD = 26, PAD = 12, MANY = 400;
  const byId = (id) => document.getElementById(id);
  const picture = byId("picture"), view = byId("view"), table = byId("table"), detail = byId("detail");
  const opened = new Set();
  let chosen = -1, hits = new Set(), boxes = new Map(), whole = [0, 0], frame = { x: 0, y: 0, k: 1 };

  const make = (name, attributes, parent, text) => {
    const element = document.createElementNS(NS, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    if (parent) parent.appendChild(element);
    return element;
  };
  const count = (n) => {
    let power = 0;
    while (n >= 1000 && power < 5) { n /= 1000; power += 1; }
    return power ? Number(n.toPrecision(3)) + " KMGTP"[power] : String(n);
  };
  const way = (part) => { const up = []; for (let p = part; p >= 0; p = parts[p].parent) up.unshift(p); return up; };
  const isOpen = (part) => opened.has(part) && parts[part].parts;

  // Layout: a block is laid out by itself, then stands as one node in the block around it.
  function visible(part) {
    for (const above of way(part)) if (!isOpen(above)) return above;
    return part;
  }
  function layout(inside, group) {
    const graph = new dagre.graphlib.Graph({ multigraph: true });
    graph.setGraph({ rankdir: "TB", nodesep: 22, ranksep: 26, marginx: PAD, marginy: PAD });
    graph.setDefaultEdgeLabel(() => ({}));
    const inner = new Map();
    for (const part of inside) {
      let size = { width: parts[part].width, height: parts[part].join ? JOIN : CARD };
      if (isOpen(part)) {
        const made = layout(parts[part].parts, part);
        inner.set(part, made);
        size = { width: Math.max(made.width, parts[part].width), height: made.height + HEAD };
      }
      graph.setNode(String(part), size);
    }
    const depth = group < 0 ? 0 : way(group).length;
    const seen = new Map();
    for (const [source, target, role] of edges) {
      const from = way(source), to = way(target);
      if (group >= 0 && to[depth - 1] !== group) continue;
      const b = String(to[depth]);
      const a = group < 0 || from[depth - 1] === group ? String(from[depth]) : "port";
      if (a === b || to[depth] === undefined) continue;
      const key = a + ">" + b;
      if (!seen.has(key) || role !== "skip") seen.set(key, [a, b, role]);
    }
    for (const [a, b, role] of seen.values()) {
      if (a === "port" && !graph.hasNode("port")) graph.setNode("port", { width: 8, height: 8 });
      if (graph.hasNode(a) && graph.hasNode(b)) graph.setEdge(a, b, { role }, role);
    }
    if (graph.nodeCount() > MANY) inRows(graph);
    else dagre.layout(graph);
    let { width, height } = graph.graph();
    // What dagre says of the width leaves edges out.
    let left = PAD;
    for (const edge of graph.edges()) for (const p of graph.edge(edge).points) {
      width = Math.max(width, p.x + PAD);
      left = Math.min(left, p.x);
    }
    const shift = PAD - left;
    for (const edge of graph.edges()) for (const p of graph.edge(edge).points) p.x += shift;
    for (const name of graph.nodes()) graph.node(name).x += shift;
    return { graph, inner, width: width + shift, height };
  }

  // A row for every rank, long edges in lanes at the right: for blocks of more parts than dagre can lay out, which follows
  // edges by recursion.
  function inRows(graph) {
    const waiting = new Map(graph.nodes().map((name) => [name, graph.inEdges(name).length]));
    const rank = new Map(), ready = graph.nodes().filter((name) => !waiting.get(name));
    for (const name of ready) if (!rank.has(name)) rank.set(name, 0);
    for (let i = 0; i < ready.length; i += 1) for (const { w } of graph.outEdges(ready[i])) {
      rank.set(w, Math.max(rank.get(w) || 0, rank.get(ready[i]) + 1));
      waiting.set(w, waiting.get(w) - 1);
      if (!waiting.get(w)) ready.push(w);
    }
    const lines = [];
    for (const name of ready) (lines[rank.get(name)] ||= []).push(graph.node(name));
    const long = (line) => line.reduce((sum, node) => sum + node.width + 22, -22);
    const wide = lines.reduce((most, line) => Math.max(most, long(line)), 0);
    let y = PAD;
    for (const line of lines) {
      const high = line.reduce((most, node) => Math.max(most, node.height), 0);
      let x = PAD + (wide - long(line)) / 2;
      for (const node of line) { node.x = x + node.width / 2; node.y = y + high / 2; x += node.width + 22; }
      y += high + 26;
    }
    const lanes = [];
    for (const edge of graph.edges()) {
      const a = graph.node(edge.v), b = graph.node(edge.w), label = graph.edge(edge);
      label.points = [{ x: a.x, y: a.y + a.height / 2 }, { x: b.x, y: b.y - b.height / 2 }];
      if (rank.get(edge.w) - rank.get(edge.v) < 2) continue;
      let lane = lanes.findIndex((end) => end <= a.y);
      if (lane < 0) lane = lanes.length;
      lanes[lane] = b.y;
      const x = PAD + wide + 12 + 7 * lane;
      label.points = [{ x: a.x + a.width / 2, y: a.y }, { x, y: a.y }, { x, y: b.y }, { x: b.x + b.width / 2, y: b.y }];
    }
    graph.setGraph({ width: wide + 2 * PAD + (lanes.length ? 12 + 7 * lanes.length : 0), height: y - 26 + PAD });
  }

  // Drawing
  function arrow(points, role, parent) {
    const skip = role === "skip" ? " skip" : role === "size" ? " size" : "";
    const path = points.map((p, i) => (i ? "L" : "M") + p.x.toFixed(1) + " " + p.y.toFixed(1)).join("");
    make("path", { d: path, class: "edge" + skip }, parent);
    const end = points[points.length - 1], before = points[points.length - 2];
    const turn = (Math.atan2(end.y - before.y, end.x - before.x) * 180) / Math.PI;
    make("path", { d: "M0 0L-8 -3.4L-8 3.4Z", class: "head" + skip,
      transform: `translate(${end.x.toFixed(1)} ${end.y.toFixed(1)}) rotate(${turn.toFixed(1)})` }, parent);
  }
  function draw(made, x, y, parent) {
    for (const edge of made.graph.edges()) {
      const { points, role } = made.graph.edge(edge);
      arrow(points.map((p) => ({ x: p.x + x, y: p.y + y })), role, parent);
    }
    for (const name of made.graph.nodes()) {
      const node = made.graph.node(name), left = x + node.x - node.width / 2, top = y + node.y - node.height / 2;
      if (name === "port") { make("circle", { cx: x + node.x, cy: y + node.y, r: 3.5, class: "port" }, parent); continue; }
      const part = Number(name);
      boxes.set(part, [left, top, node.width, node.height]);
      one(part, left, top, node, made.inner.get(part), parent);
    }
  }
  function one(part, left, top, node, inner, parent) {
    const about = parts[part];
    const place = make("g", { class: "part", "data-part": part }, parent);
    make("title", {}, place, about.path || about.title);
    if (inner) {
      make("rect", { x: left, y: top, width: node.width, height: node.height, rx: 8,
        class: "group" + (about.count ? " repeated" : "") }, place);
      label(place, left + 10, top + 17, "▾ " + about.label, about);
      draw(inner, left + (node.width - inner.width) / 2, top + HEAD, place);
      return;
    }
    const family = "a-" + about.family;
    if (about.join) {
      make("rect", { x: left, y: top, width: node.width, height: node.height, rx: JOIN / 2, class: "card" }, place);
      make("text", { x: left + node.width / 2, y: top + 17, "text-anchor": "middle", class: "bold" }, place, about.title);
      return;
    }
    make("rect", { x: left, y: top, width: node.width, height: node.height, rx: 3, class: "card" }, place);
    make("rect", { x: left, y: top, width: 4, height: node.height, class: "accent a-any " + family }, place);
    const first = about.parts ? "▸ " + about.label : about.title;
    label(place, left + 13, top + 18, first, about);
    make("text", { x: left + 13, y: top + 34, class: "shape" }, place, about.shape || "");
    const right = left + node.width - 8;
    make("text", { x: right, y: top + 18, "text-anchor": "end", class: "grey" }, place, about.weights || "");
    make("text", { x: right, y: top + 34, "text-anchor": "end", class: "grey" }, place, about.with || about.parts && about.title || "");
  }
  function label(place, x, y, text, about) {
    const line = make("text", { x, y, class: "bold" }, place, text);
    if (about.count) make("tspan", { class: "times", dx: 5 }, line, "×" + about.count).setAttribute("fill", "var(--repeat)");
  }
  function render() {
    view.replaceChildren();
    boxes = new Map();
    const made = layout(roots, -1);
    whole = [made.width, made.height];
    draw(made, 0, 0, view);
    mark();
  }
  function mark() {
    for (const place of view.querySelectorAll(".part")) {
      const part = Number(place.dataset.part);
      place.classList.toggle("chosen", part === visibleChosen());
      place.classList.toggle("hit", hits.has(part));
    }
    for (const row of table.children) {
      const shown = rows[Number(row.dataset.row)][6];
      row.classList.toggle("chosen", shown === chosen && chosen >= 0);
      row.classList.toggle("hit", shown >= 0 && row.dataset.hit === "1");
    }
  }
  const visibleChosen = () => (chosen < 0 ? -1 : visible(chosen));

  // Moving
  function place() { view.setAttribute("transform", `translate(${frame.x} ${frame.y}) scale(${frame.k})`); }
  function fit() {
    const { width, height } = picture.getBoundingClientRect();
    const k = Math.min(1.4, (width - 30) / whole[0], Math.max((height - 30) / whole[1], 0.35));
    frame = { k, x: (width - whole[0] * k) / 2, y: whole[1] * k < height ? (height - whole[1] * k) / 2 : 15 };
    place();
  }
  function zoom(factor, x, y) {
    const k = Math.min(4, Math.max(0.05, frame.k * factor));
    frame = { k, x: x - ((x - frame.x) * k) / frame.k, y: y - ((y - frame.y) * k) / frame.k };
    place();
  }
  function show(part) {
    const box = boxes.get(visible(part));
    if (!box) return;
    const { width, height } = picture.getBoundingClientRect();
    const x = box[0] * frame.k + frame.x, y = box[1] * frame.k + frame.y;
    if (x < 0 || y < 0 || x + box[2] * frame.k > width || y + box[3] * frame.k > height) {
      frame.x = width / 2 - (box[0] + box[2] / 2) * frame.k;
      frame.y = height / 2 - (box[1] + Math.min(box[3], 80) / 2) * frame.k;
      place();
    }
  }

  // Choosing
  function choose(part, scroll) {
    chosen = part;
    tell(part);
    mark();
    remember();
    if (scroll) {
      const row = [...table.children].find((one) => rows[Number(one.dataset.row)][6] === part);
      if (row) row.scrollIntoView({ block: "nearest" });
    }
  }
  function tell(part) {
    const about = parts[part];
    detail.replaceChildren();
    const title = document.createElement("h2");
    title.textContent = (about.path || about.title) + (about.count ? "   ×" + about.count : "");
    detail.append(title);
    const row = about.nodes && rows[about.nodes[about.nodes.length - 1]];
    if (row && row[7] && data.image) field(row[7]);
    for (const text of about.text || []) {
      const pre = document.createElement("pre");
      pre.textContent = text;
      detail.append(pre);
    }
    if (!about.text || !about.text.length) {
      const p = document.createElement("p");
      p.textContent = [about.title, about.shape, about.weights && about.weights + " parameters"].filter(Boolean).join(" · ");
      detail.append(p);
    }
  }
  function field([y, high, x, wide]) {
    const [height, width] = data.image, k = 150 / Math.max(height, width), edge = 24;
    const svg = make("svg", { width: width * k + 2 * edge, height: height * k + 2 * edge, id: "field", role: "img" }, detail);
    make("title", {}, svg, `the unit in the middle sees ${high} × ${wide} of ${height} × ${width}`);
    make("rect", { x: edge, y: edge, width: width * k, height: height * k, class: "image" }, svg);
    const clip = (from, span, size) => [Math.max(from, -edge / k), Math.min(from + span, size + edge / k)];
    const [top, bottom] = clip(y, high, height), [left, right] = clip(x, wide, width);
    make("rect", { x: edge + left * k, y: edge + top * k, width: (right - left) * k, height: (bottom - top) * k, class: "window" }, svg);
  }
  function toggle(part) {
    if (!parts[part].parts) return;
    if (!opened.delete(part)) opened.add(part);
    render();
    remember();
  }
  function reveal(part) {
    for (const above of way(part).slice(0, -1)) opened.add(above);
    render();
    show(part);
  }
  function remember() {
    const open = [...opened].map((part) => parts[part].path).filter(Boolean).join(",");
    const path = chosen >= 0 ? parts[chosen].path || "" : "";
    history.replaceState(null, "", "#" + encodeURIComponent(path) + (open ? "&" + encodeURIComponent(open) : ""));
  }
  function recall() {
    const [path, open] = location.hash.slice(1).split("&").map(decodeURIComponent);
    const paths = new Set((open || "").split(",").filter(Boolean));
    parts.forEach((part, place) => { if (part.parts && paths.has(part.path)) opened.add(place); });
    const found = path ? parts.findIndex((part) => part.path === path) : -1;
    if (found >= 0) for (const above of way(found).slice(0, -1)) opened.add(above);
    return found;
  }

  // Searching
  function search(text) {
    const wanted = text.trim().toLowerCase();
    hits = new Set();
    let number = 0;
    for (const row of table.children) {
      const about = rows[Number(row.dataset.row)];
      const hit = wanted && [about[0], about[1], about[2]].some((one) => one.toLowerCase().includes(wanted));
      row.dataset.hit = hit ? "1" : "";
      if (hit) { number += 1; if (about[6] >= 0) hits.add(visible(about[6])); }
    }
    byId("found").textContent = wanted ? number + (number === 1 ? " layer" : " layers") : "";
    mark();
    const first = [...table.children].find((row) => row.dataset.hit === "1");
    if (first) first.scrollIntoView({ block: "nearest" });
    return first;
  }

  // The table
  const largest = rows.reduce((most, row) => [Math.max(most[0], row[3]), Math.max(most[1], row[4])], [1, 1]);
  rows.forEach((row, number) => {
    const line = document.createElement("tr");
    line.dataset.row = number;
    const cell = (text, share, kind) => {
      const td = line.insertCell();
      td.textContent = text;
      if (share !== undefined) {
        td.className = "n";
        if (share) { const bar = document.createElement("i"); bar.className = "share " + kind; bar.style.width = Math.max(2, 50 * share) + "px"; td.append(bar); }
      }
    };
    const path = document.createElement("bdi");  // cut at its beginning, which many share
    path.dir = "ltr";
    path.textContent = row[0];
    line.insertCell().append(path);
    cell(row[2]);
    cell(row[3] ? count(row[3]) : "", row[3] / largest[0], "");
    cell(row[4] ? count(row[4]) : "", row[4] / largest[1], "macs");
    cell(row[5], 0, "");
    line.title = row[0] + "  " + row[1];
    line.addEventListener("click", () => { if (row[6] >= 0) { reveal(row[6]); choose(row[6]); show(row[6]); } });
    table.append(line);
  });

  // What the reader does
  let drag = null, moved = false;
  picture.addEventListener("pointerdown", (event) => { drag = [event.clientX, event.clientY, frame.x, frame.y]; moved = false; });
  window.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const dx = event.clientX - drag[0], dy = event.clientY - drag[1];
    if (Math.abs(dx) + Math.abs(dy) > 4) moved = true;
    frame.x = drag[2] + dx; frame.y = drag[3] + dy;
    place();
  });
  window.addEventListener("pointerup", () => { drag = null; });
  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = picture.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 500), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  picture.addEventListener("click", (event) => {
    const target = event.target.closest(".part");
    if (moved || !target) return;
    const part = Number(target.dataset.part);
    if (parts[part].parts) toggle(part);
    choose(part, true);
  });
  const openAll = () => { parts.forEach((part, place) => part.parts && opened.add(place)); render(); fit(); remember(); };
  const closeAll = () => { opened.clear(); render(); fit(); remember(); };
  byId("open").addEventListener("click", openAll);
  byId("close").addEventListener("click", closeAll);
  byId("fit").addEventListener("click", fit);
  byId("search").addEventListener("input", (event) => search(event.target.value));
  function step(by) {
    const shown = [...boxes.keys()].sort((a, b) => boxes.get(a)[1] - boxes.get(b)[1] || boxes.get(a)[0] - boxes.get(b)[0]);
    const next = shown[Math.min(shown.length - 1, Math.max(0, shown.indexOf(visibleChosen()) + by))];
    choose(next, true);
    show(next);
  }
  window.addEventListener("keydown", (event) => {
    if (event.target.id === "search") {
      if (event.key === "Escape") { event.target.value = ""; search(""); picture.focus(); }
      if (event.key === "Enter") { const first = search(event.target.value); if (first) first.click(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("button") && (event.key === "Enter" || event.key === " ")) return;
    const keys = {
      "/": () => byId("search").focus(), e: openAll, c: closeAll, f: fit, ArrowDown: () => step(1), ArrowUp: () => step(-1),
      Enter: () => { if (chosen >= 0) toggle(visibleChosen()); },
      ArrowRight: () => { const part = visibleChosen(); if (part >= 0 && parts[part].parts && !isOpen(part)) toggle(part); },
      ArrowLeft: () => { const part = visibleChosen(), up = part >= 0 ? parts[part].parent : -1; if (isOpen(part)) toggle(part); else if (up >= 0) { choose(up, true); toggle(up); } },
      "+": () => zoom(1.2, 300, 300), "-": () => zoom(1 / 1.2, 300, 300),
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  window.addEventListener("resize", fit);

  byId("name").textContent = data.name;
  byId("heading").textContent = [data.heading, ...data.requires.map((text) => "needs " + text), ...data.notes].join(" · ");
  const first = recall();
  render();
  fit();
  if (first >= 0) { choose(first, true); show(first); }
})();
