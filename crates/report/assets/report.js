// The table of samples and the theme switch. Everything that comes from a run is put into the page as text, never as
// markup. The data are columns: entry i of each belongs to sample i; texts are numbers into one list.
(() => {
  "use strict";

  const ROW_PX = 34;
  const ROWS_BEYOND = 8;
  const SEARCH_WAIT_MS = 120;
  const SLICES_LISTED = 500;
  const STANDINGS = ["error", "wrong", "unjudged", "right"];
  const SIGNS = { error: "!", wrong: "✕", unjudged: "·", right: "✓" };
  const OUTCOMES = { s: "scored", u: "unparsed", r: "refused", e: "error" };
  const ROLES = ["system", "user", "assistant", "tool"];

  const $ = (id) => document.getElementById(id);

  /** An element with attributes and children; strings become text. */
  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "on") for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // ---------------------------------------------------------------- theme

  function theme() {
    const button = $("theme");
    const words = ["auto", "light", "dark"];
    let word = "auto";
    try { word = localStorage.getItem("seatrial-theme") || "auto"; } catch { /* a file may have no storage */ }
    const show = () => {
      if (word === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = word;
      button.textContent = `Theme: ${word}`;
    };
    button.addEventListener("click", () => {
      word = words[(words.indexOf(word) + 1) % words.length];
      try { localStorage.setItem("seatrial-theme", word); } catch { /* then it lasts as long as the page */ }
      show();
    });
    button.hidden = false;
    show();
  }

  // ---------------------------------------------------------------- data

  async function load() {
    const text = $("payload").textContent;
    const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const data = JSON.parse(await new Response(stream).text());
    $("payload").remove();
    return data;
  }

  // ---------------------------------------------------------------- the table

  class Browser {
    constructor(root, data) {
      this.root = root;
      this.data = data;
      this.count = data.id.length;
      this.shown = [];
      this.active = -1;
      this.sort = { key: "standing", down: false };
      this.filter = { text: "", target: "", task: "", standing: "", outcome: "", slice: "", split: false };
      this.metrics = this.metricNames();
      this.metric = this.metrics[0] ?? null;
      this.group();
      this.build();
      this.apply();
      this.fromAddress();
    }

    text(number) { return number === null || number === undefined ? "" : this.data.texts[number]; }

    /** Names of the metrics over all tasks, in order, without repetition. */
    metricNames() {
      const names = new Set();
      for (const task of this.data.tasks) for (const metrics of task.scorers) for (const [name] of metrics) names.add(name);
      return [...names];
    }

    /** Which samples ask the same case, and where they disagree. */
    group() {
      const { task, case: cases, standing } = this.data;
      this.sameCase = new Map();
      for (let i = 0; i < this.count; i++) {
        const key = `${task[i]}/${cases[i]}`;
        const list = this.sameCase.get(key);
        if (list) list.push(i); else this.sameCase.set(key, [i]);
      }
      this.disagrees = new Uint8Array(this.count);
      for (const list of this.sameCase.values()) {
        if (list.some((i) => standing[i] !== standing[list[0]])) for (const i of list) this.disagrees[i] = 1;
      }
    }

    /** The score of a sample under the chosen metric. */
    score(i, metric = this.metric) {
      const scorers = this.data.tasks[this.data.task[i]].scorers;
      for (const [scorer, number, outcome, value, detail] of this.data.scores[i]) {
        const known = scorers[scorer]?.[number];
        if (known && known[0] === metric) return { outcome, value, detail, unit: known[1] };
      }
      return null;
    }

    // -------------------------------------------------------------- building

    build() {
      const { data } = this;
      const several = (list) => list.length > 1;
      const epochs = data.epoch.some((epoch) => epoch > 0);
      this.columns = [
        { key: "standing", name: "Result", width: "92px", slim: "76px", of: (i) => data.standing[i], show: (i, cell) => this.showStanding(i, cell) },
        { key: "id", name: "Case", width: "minmax(70px, 1fr)", slim: "minmax(0, 1fr)", of: (i) => this.text(data.id[i]) },
        several(data.targets) && { key: "target", name: "Target", width: "minmax(64px, .8fr)", slim: "minmax(0, .7fr)", of: (i) => data.targets[data.target[i]] },
        several(data.tasks) && { key: "task", name: "Task", width: "minmax(64px, .8fr)", slim: "minmax(0, .7fr)", of: (i) => data.tasks[data.task[i]].name },
        epochs && { key: "epoch", name: "Epoch", width: "52px", num: true, of: (i) => data.epoch[i] },
        { key: "answer", name: "Answer", width: "minmax(120px, 4fr)", slim: "minmax(0, 1.5fr)", quiet: true, of: (i) => this.preview(i) },
        this.metric && { key: "score", name: "Score", width: "92px", slim: "48px", num: true, of: (i) => this.score(i)?.value ?? null, show: (i, cell) => this.showScore(i, cell) },
        { key: "latency", name: "Latency, ms", width: "86px", num: true, narrow: true, of: (i) => data.latency[i], digits: 0 },
        { key: "output_tokens", name: "Tokens out", width: "80px", num: true, narrow: true, of: (i) => data.output_tokens[i], digits: 0 },
        { key: "cost", name: "Cost, $", width: "84px", num: true, narrow: true, of: (i) => data.cost[i], significant: 3 },
      ].filter(Boolean);
      this.widths();
      matchMedia("(max-width: 760px)").addEventListener("change", () => { this.widths(); this.draw(); });

      this.countLine = el("p", { class: "count", id: "count", role: "status", "aria-live": "polite" });
      this.head = el("div", { class: "gridhead", role: "row", "aria-rowindex": "1" });
      for (const column of this.columns) {
        const button = el("button", { type: "button", on: { click: () => this.sortBy(column.key) } }, column.name);
        column.head = el("div", { role: "columnheader", class: [column.num && "num", column.narrow && "narrow-off"].filter(Boolean).join(" "), "aria-sort": "none" }, button);
        this.head.append(column.head);
      }
      this.body = el("div", {
        class: "gridbody", id: "rows", role: "rowgroup", tabindex: "0", "aria-label": "Samples; arrow keys move, Enter opens",
        on: { scroll: () => this.drawSoon(), keydown: (event) => this.key(event), focus: () => { if (this.active < 0 && this.shown.length) this.activate(0); } },
      });
      this.spacer = el("div", { role: "presentation" });
      this.body.append(this.spacer);
      this.grid = el("div", { class: "grid", role: "grid", "aria-label": "Samples", "aria-colcount": String(this.columns.length) },
        el("div", { role: "rowgroup" }, this.head), this.body);
      const help = el("p", { class: "note" }, "Keys in the table: ", el("kbd", {}, "↑"), " ", el("kbd", {}, "↓"), " move, ", el("kbd", {}, "Enter"),
        " opens, ", el("kbd", {}, "Esc"), " closes, ", el("kbd", {}, "/"), " searches.");
      this.root.append(this.filters(), this.countLine, this.grid, help);
      this.detail = this.buildDetail();
      document.body.append(this.detail);
      document.addEventListener("keydown", (event) => this.globalKey(event));
      addEventListener("resize", () => this.drawSoon());
      this.root.hidden = false;
    }

    widths() {
      const narrow = matchMedia("(max-width: 760px)").matches;
      const shown = this.columns.filter((column) => !(narrow && column.narrow));
      const widths = shown.map((column) => (narrow && column.slim) || column.width).join(" ");
      this.root.style.setProperty("--columns", widths);
    }

    filters() {
      const choice = (key, label, options, all) => {
        if (options.length < 2) return null;
        const select = el("select", { id: `f-${key}`, on: { change: () => { this.filter[key] = select.value; this.apply(); } } },
          el("option", { value: "" }, all), ...options.map(([value, name]) => el("option", { value }, name)));
        return el("label", {}, label, select);
      };
      const { data } = this;
      let wait = 0;
      this.search = el("input", { type: "search", id: "f-text", placeholder: "in cases, prompts, answers, details", autocomplete: "off", spellcheck: "false",
        on: { input: () => { clearTimeout(wait); wait = setTimeout(() => { this.filter.text = this.search.value; this.apply(); }, SEARCH_WAIT_MS); } } });
      const slices = new Map();
      for (const set of data.slice_sets) for (const number of set) slices.set(number, this.text(number));
      const sliceOptions = [...slices].sort((a, b) => a[1].localeCompare(b[1])).slice(0, SLICES_LISTED);
      const present = new Set(data.standing);
      const split = el("input", { type: "checkbox", id: "f-split", on: { change: () => { this.filter.split = split.checked; this.apply(); } } });
      const metric = this.metrics.length > 1
        ? el("label", {}, "Score of", el("select", { id: "f-metric", on: { change: (event) => { this.metric = event.target.value; this.apply(); } } },
          ...this.metrics.map((name) => el("option", { value: name }, name))))
        : null;
      this.form = el("form", { class: "filters", role: "search", on: { submit: (event) => event.preventDefault(), reset: () => setTimeout(() => this.reset(), 0) } },
        el("label", { class: "search" }, "Search", this.search),
        choice("standing", "Result", STANDINGS.map((word, i) => [String(i), word]).filter(([i]) => present.has(Number(i))), "all"),
        choice("target", "Target", data.targets.map((name, i) => [String(i), name]), "all"),
        choice("task", "Task", data.tasks.map((task, i) => [String(i), task.name]), "all"),
        choice("slice", "Slice", sliceOptions.map(([number, name]) => [String(number), name]), "all"),
        metric,
        this.metrics.length ? choice("outcome", "Outcome", Object.entries(OUTCOMES), "all") : null,
        this.disagrees.includes(1) ? el("label", { class: "check" }, split, "targets or epochs disagree") : null,
        el("button", { type: "reset" }, "Reset"));
      return this.form;
    }

    reset() {
      Object.assign(this.filter, { text: "", target: "", task: "", standing: "", outcome: "", slice: "", split: false });
      this.metric = this.metrics[0] ?? null;
      this.apply();
    }

    // -------------------------------------------------------------- filtering and sorting

    /** For each text whether it holds what is searched; each distinct text is looked at once. */
    hits() {
      const wanted = this.filter.text.trim();
      if (!wanted) return null;
      const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "iu");
      return this.data.texts.map((text) => pattern.test(text));
    }

    apply() {
      const { data, filter } = this;
      const hits = this.hits();
      const conversationHits = hits && data.conversations.map((said) => said.some(([, text]) => hits[text]));
      const found = (i) => hits[data.id[i]] || conversationHits[data.conversation[i]]
        || (data.answer[i] !== null && hits[data.answer[i]]) || (data.error[i] !== null && hits[data.error[i]])
        || data.slice_sets[data.slices[i]].some((text) => hits[text])
        || data.scores[i].some(([, , , , detail]) => detail !== null && hits[detail]);
      const [target, task, standing, slice] = [filter.target, filter.task, filter.standing, filter.slice].map((word) => (word === "" ? -1 : Number(word)));
      const shown = [];
      for (let i = 0; i < this.count; i++) {
        if (target >= 0 && data.target[i] !== target) continue;
        if (task >= 0 && data.task[i] !== task) continue;
        if (standing >= 0 && data.standing[i] !== standing) continue;
        if (slice >= 0 && !data.slice_sets[data.slices[i]].includes(slice)) continue;
        if (filter.split && !this.disagrees[i]) continue;
        if (filter.outcome && this.score(i)?.outcome !== filter.outcome) continue;
        if (hits && !found(i)) continue;
        shown.push(i);
      }
      const kept = this.active >= 0 ? this.shown[this.active] : -1;
      this.shown = shown;
      this.order();
      this.active = kept >= 0 ? this.shown.indexOf(kept) : -1;
      this.countLine.textContent = `${shown.length.toLocaleString("en")} of ${this.count.toLocaleString("en")} samples`;
      this.body.scrollTop = 0;
      this.draw();
    }

    sortBy(key) {
      this.sort = { key, down: this.sort.key === key ? !this.sort.down : false };
      const kept = this.active >= 0 ? this.shown[this.active] : -1;
      this.order();
      this.active = kept >= 0 ? this.shown.indexOf(kept) : -1;
      this.body.scrollTop = 0;
      this.draw();
    }

    /** Unknown values stand last in either direction; ties keep the order of the plan. */
    order() {
      const column = this.columns.find((candidate) => candidate.key === this.sort.key) ?? this.columns[0];
      const sign = this.sort.down ? -1 : 1;
      const collator = new Intl.Collator("en", { numeric: true });
      const values = new Map(this.shown.map((i) => [i, column.of(i)]));
      this.shown.sort((a, b) => {
        const [x, y] = [values.get(a), values.get(b)];
        if (x === y) return a - b;
        if (x === null || x === undefined) return 1;
        if (y === null || y === undefined) return -1;
        return sign * (typeof x === "string" ? collator.compare(x, y) : x - y) || a - b;
      });
      for (const { key, head } of this.columns) head.setAttribute("aria-sort", key === column.key ? (this.sort.down ? "descending" : "ascending") : "none");
    }

    // -------------------------------------------------------------- drawing

    preview(i) { return (this.text(this.data.answer[i]) || this.text(this.data.error[i])).slice(0, 300).replace(/\s+/g, " "); }

    showStanding(i, cell) {
      const word = STANDINGS[this.data.standing[i]];
      cell.append(el("span", { class: `stand ${word}` }, `${SIGNS[word]} ${word}`));
    }

    showScore(i, cell) {
      const score = this.score(i);
      if (!score) cell.textContent = "";
      else if (score.value === null) cell.append(el("span", { class: "sub" }, OUTCOMES[score.outcome]));
      else cell.textContent = short(score.value);
    }

    drawSoon() {
      if (this.frame) return;
      this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
    }

    /** The rows in view and a few beyond; the rest is height alone. */
    draw() {
      const { body, shown } = this;
      this.spacer.style.height = `${shown.length * ROW_PX}px`;
      body.style.height = `${shown.length * ROW_PX}px`;
      this.grid.setAttribute("aria-rowcount", String(shown.length + 1));
      const first = Math.max(0, Math.floor(body.scrollTop / ROW_PX) - ROWS_BEYOND);
      const last = Math.min(shown.length, Math.ceil((body.scrollTop + body.clientHeight) / ROW_PX) + ROWS_BEYOND);
      const rows = [this.spacer];
      for (let at = first; at < last; at++) rows.push(this.row(at));
      if (!shown.length) rows.push(el("p", { class: "empty" }, "No sample fits these filters."));
      body.replaceChildren(...rows);
      // The scroll bar narrows the rows, so the head is narrowed as much.
      this.head.style.paddingRight = `${14 + body.offsetWidth - body.clientWidth}px`;
      if (this.active >= first && this.active < last) body.setAttribute("aria-activedescendant", `row-${this.shown[this.active]}`);
      else body.removeAttribute("aria-activedescendant");
    }

    row(at) {
      const i = this.shown[at];
      const row = el("div", { class: `gridrow${at === this.active ? " active" : ""}`, role: "row", id: `row-${i}`, "aria-rowindex": String(at + 2),
        "aria-selected": at === this.active ? "true" : "false", on: { click: () => { this.activate(at); this.open(); } } });
      row.style.top = `${at * ROW_PX}px`;
      for (const column of this.columns) {
        const cell = el("div", { role: "gridcell", class: [column.num && "num", column.quiet && "preview", column.narrow && "narrow-off"].filter(Boolean).join(" ") });
        if (column.show) column.show(i, cell);
        else cell.textContent = plain(column.of(i), column);
        row.append(cell);
      }
      return row;
    }

    activate(at) {
      this.active = Math.max(0, Math.min(this.shown.length - 1, at));
      const { body } = this;
      const top = this.active * ROW_PX;
      if (top < body.scrollTop) body.scrollTop = top;
      else if (top + ROW_PX > body.scrollTop + body.clientHeight) body.scrollTop = top + ROW_PX - body.clientHeight;
      this.draw();
      if (!this.detail.hidden) this.fill();
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.shown.length) return;
      const page = Math.max(1, Math.floor(this.body.clientHeight / ROW_PX) - 1);
      const moves = { ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page, Home: 0, End: this.shown.length - 1 };
      if (event.key in moves) this.activate(moves[event.key]);
      else if (event.key === "Enter" || event.key === " ") { if (this.active < 0) this.activate(0); this.open(); }
      else return;
      event.preventDefault();
    }

    globalKey(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
      if (event.key === "Escape") {
        if (!this.detail.hidden) { event.preventDefault(); this.close(); }
        else if (document.activeElement === this.search && this.search.value) { this.search.value = ""; this.filter.text = ""; this.apply(); }
      } else if (event.key === "/" && !typing) { event.preventDefault(); this.search.focus(); this.search.scrollIntoView({ block: "center" }); }
      else if (!this.detail.hidden && !typing && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
        event.preventDefault();
        this.activate(this.active + (event.key === "ArrowRight" ? 1 : -1));
      }
    }

    // -------------------------------------------------------------- one sample

    buildDetail() {
      this.detailTitle = el("h3", { id: "detail-title", tabindex: "-1" });
      this.detailBody = el("div", { class: "detailbody", tabindex: "0", "aria-label": "Sample" });
      const step = (by, name, sign) => el("button", { type: "button", "aria-label": name, on: { click: () => this.activate(this.active + by) } }, sign);
      return el("aside", { class: "detail", id: "detail", role: "dialog", "aria-labelledby": "detail-title", hidden: true },
        el("div", { class: "detailhead" }, this.detailTitle, step(-1, "Previous sample", "←"), step(1, "Next sample", "→"),
          el("button", { type: "button", id: "detail-close", on: { click: () => this.close() } }, "Close")),
        this.detailBody);
    }

    open() {
      this.detail.hidden = false;
      this.fill();
      this.detailTitle.focus();
    }

    close() {
      this.detail.hidden = true;
      history.replaceState(null, "", location.pathname + location.search);
      this.body.focus({ preventScroll: true });
    }

    /** `#sample=12` opens the sample with this number. */
    fromAddress() {
      const wanted = /^#sample=(\d+)$/.exec(location.hash);
      const at = wanted ? this.shown.indexOf(Number(wanted[1])) : -1;
      if (at >= 0) { this.root.scrollIntoView(); this.activate(at); this.open(); }
    }

    fill() {
      const { data } = this;
      const i = this.shown[this.active];
      if (i === undefined) return;
      history.replaceState(null, "", `#sample=${i}`);
      const word = STANDINGS[data.standing[i]];
      this.detailTitle.replaceChildren(el("span", { class: `stand ${word}` }, `${SIGNS[word]} `), el("bdi", {}, this.text(data.id[i])));
      const said = (who, text, kind = "") => el("div", { class: `said ${kind}` }, el("span", {}, who), el("pre", { dir: "auto", tabindex: "0" }, text));
      const parts = [this.others(i)];
      parts.push(el("h4", {}, "Conversation"));
      for (const [role, text] of data.conversations[data.conversation[i]]) parts.push(said(ROLES[role] ?? "?", this.text(text)));
      if (data.answer[i] !== null) parts.push(said("answer", this.text(data.answer[i]), "answer"));
      if (data.error[i] !== null) parts.push(said("error", this.text(data.error[i])));
      parts.push(...this.scores(i), ...this.facts(i));
      this.detailBody.replaceChildren(...parts.filter(Boolean));
      this.detailBody.scrollTop = 0;
    }

    /** The same case, of other targets and epochs. */
    others(i) {
      const { data } = this;
      const list = this.sameCase.get(`${data.task[i]}/${data.case[i]}`);
      if (list.length < 2) return null;
      const name = (j) => [data.targets[data.target[j]], data.epoch.some((epoch) => epoch > 0) && `epoch ${data.epoch[j]}`].filter(Boolean).join(", ");
      return el("div", {}, el("h4", {}, "Same case"), el("div", { class: "others" }, ...list.slice(0, 60).map((j) => {
        const word = STANDINGS[data.standing[j]];
        return el("button", { type: "button", "aria-current": j === i ? "true" : "false", on: { click: () => this.goTo(j) } },
          el("span", { class: `stand ${word}` }, SIGNS[word]), " ", name(j));
      })));
    }

    goTo(i) {
      if (!this.shown.includes(i)) { this.form.reset(); this.reset(); }
      this.activate(this.shown.indexOf(i));
    }

    scores(i) {
      const { data } = this;
      const scorers = data.tasks[data.task[i]].scorers;
      if (!data.scores[i].length) return [];
      const rows = data.scores[i].map(([scorer, number, outcome, value, detail]) => {
        const [name, unit] = scorers[scorer]?.[number] ?? [`scorer ${scorer}, metric ${number}`, ""];
        return el("tr", {}, el("th", { scope: "row" }, el("bdi", {}, name)),
          el("td", { class: "num" }, value === null ? OUTCOMES[outcome] ?? "?" : short(value), el("span", { class: "sub" }, value === null ? "" : ` ${unit}`)),
          el("td", { class: "pre", dir: "auto" }, this.text(detail)));
      });
      return [el("h4", {}, "Scores"), el("table", {}, el("tbody", {}, ...rows))];
    }

    facts(i) {
      const { data } = this;
      const number = (value, digits = 0) => (value === null ? null : value.toLocaleString("en", { maximumFractionDigits: digits }));
      const facts = [
        ["Target", data.targets[data.target[i]]], ["Task", data.tasks[data.task[i]].name], ["Epoch", String(data.epoch[i])],
        ["Slices", data.slice_sets[data.slices[i]].map((text) => this.text(text)).join(", ")], ["Cluster", this.text(data.cluster[i])],
        ["Finish reason", this.text(data.finish[i])], ["Model served", this.text(data.model[i])],
        ["Latency, ms", number(data.latency[i], 2)], ["First token, ms", number(data.ttft[i], 2)], ["Own queueing, ms", number(data.queue[i], 2)],
        ["Tokens in", number(data.input_tokens[i])], ["Tokens out", number(data.output_tokens[i])], ["Cost, $", number(data.cost[i], 12)],
        ["Attempts", data.cached[i] ? "none: from the cache" : String(data.attempts[i])],
      ];
      const rows = facts.filter(([, value]) => value).map(([key, value]) => el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, el("bdi", {}, value))));
      return [el("h4", {}, "Call"), el("table", {}, el("tbody", {}, ...rows))];
    }
  }

  /** A score with no more digits than it needs. */
  function short(value) { return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))); }

  function plain(value, column) {
    if (value === null || value === undefined) return "–";
    if (typeof value === "string") return value;
    if (column.significant) return value.toLocaleString("en", { maximumSignificantDigits: column.significant });
    return value.toLocaleString("en", { maximumFractionDigits: column.digits ?? 3 });
  }

  theme();
  const root = $("browser");
  if (root) {
    load().then((data) => { new Browser(root, data); document.documentElement.dataset.ready = "true"; }, (error) => {
      root.hidden = false;
      root.append(el("p", { class: "note" }, `The samples cannot be shown here: ${error.message}. A browser of 2023 or later can.`));
      document.documentElement.dataset.ready = "failed";
    });
  } else document.documentElement.dataset.ready = "true";
})();
