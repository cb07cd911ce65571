// The marks of the drawing and the rows below it are there without this; it lets one be looked at, and its line traced.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("lineage").textContent);
  const drawing = document.querySelector(".drawing");
  const details = document.getElementById("details");
  const scroll = document.querySelector(".scroll");
  const marks = new Map([...document.querySelectorAll(".version")].map((mark) => [mark.dataset.node, mark]));
  const rows = [...document.querySelectorAll("tbody tr")];
  const parents = new Map(), children = new Map();
  for (const edge of data.edges) {
    if (edge.successor) continue;
    (parents.get(edge.child) ?? parents.set(edge.child, []).get(edge.child)).push(edge);
    (children.get(edge.parent) ?? children.set(edge.parent, []).get(edge.parent)).push(edge);
  }

  const walk = (start, edges, end) => {
    const seen = new Set([start]), frontier = [start];
    while (frontier.length) {
      for (const edge of edges.get(frontier.pop()) ?? []) {
        if (!seen.has(edge[end])) { seen.add(edge[end]); frontier.push(edge[end]); }
      }
    }
    return seen;
  };

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const show = (node) => {
    const facts = data.nodes[node];
    details.replaceChildren(element("strong", facts.title));
    const list = element("dl");
    for (const [term, value] of facts.facts) list.append(element("dt", term), element("dd", value));
    for (const [term, edges, end] of [["came from", parents, "parent"], ["went into", children, "child"]]) {
      const found = edges.get(node) ?? [];
      if (!found.length) continue;
      const cell = element("dd");
      for (const edge of found) {
        const button = element("button", `${edge.told}: ${data.nodes[edge[end]].title}`);
        button.type = "button";
        button.addEventListener("click", () => select(edge[end], true));
        cell.append(button);
      }
      list.append(element("dt", term), cell);
    }
    details.append(list);
  };

  const reveal = (mark) => {
    const box = mark.getBoundingClientRect(), frame = scroll.getBoundingClientRect();
    const isInside = box.left >= frame.left + 20 && box.right <= frame.right - 20;
    if (!isInside) scroll.scrollLeft += box.left - frame.left - frame.width / 2;
  };

  const select = (node, isMoved) => {
    const mark = marks.get(node);
    if (!mark) return;
    const related = new Set([...walk(node, parents, "parent"), ...walk(node, children, "child")]);
    for (const [id, each] of marks) {
      each.classList.toggle("selected", id === node);
      each.classList.toggle("related", related.has(id));
      each.setAttribute("tabindex", id === node ? "0" : "-1");
      each.setAttribute("aria-pressed", String(id === node));
    }
    for (const edge of document.querySelectorAll(".edge")) {
      edge.classList.toggle("related", related.has(edge.dataset.child) && related.has(edge.dataset.parent));
    }
    for (const row of rows) row.classList.toggle("selected", row.dataset.node === node);
    drawing.classList.add("tracing");
    show(node);
    reveal(mark);
    if (isMoved) mark.focus({ preventScroll: true });
  };

  const clear = () => {
    drawing.classList.remove("tracing");
    for (const each of document.querySelectorAll(".selected")) each.classList.remove("selected");
  };

  const order = [...marks.keys()];
  for (const [node, mark] of marks) {
    mark.addEventListener("click", () => select(node, false));
    mark.addEventListener("keydown", (event) => {
      const steps = {
        ArrowLeft: () => (parents.get(node) ?? [])[0]?.parent,
        ArrowRight: () => (children.get(node) ?? [])[0]?.child,
        ArrowUp: () => order[order.indexOf(node) - 1],
        ArrowDown: () => order[order.indexOf(node) + 1],
        Enter: () => node,
        " ": () => node,
      };
      if (event.key === "Escape") clear();
      if (!(event.key in steps)) return;
      event.preventDefault();
      const next = steps[event.key]();
      if (next) select(next, true);
    });
  }
  for (const row of rows) {
    row.addEventListener("click", () => select(row.dataset.node, false));
  }
  for (const choice of document.querySelectorAll("input[name=colour]")) {
    choice.addEventListener("change", () => drawing.classList.toggle("by-origin", choice.value === "origin"));
  }
  const first = data.focus.find((node) => marks.has(node));
  if (first) {
    reveal(marks.get(first));
    marks.get(first).setAttribute("tabindex", "0");
  }
})();
