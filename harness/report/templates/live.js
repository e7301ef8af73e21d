// Draws a run that goes on: asks for the news once a second and redraws. No library, nothing from elsewhere.
"use strict";
(() => {
  const state = { samples: 0, events: 0, t: [], v: [], spans: [], marks: [], kinds: [], ended: false, verdict: null };
  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);

  function show(id, text, small, className) {
    const place = byId(id);
    place.textContent = text;
    place.className = className || "";
    if (small) {
      const note = document.createElement("small");
      note.textContent = small;
      place.append(note);
    }
  }

  const digits = (value) => (Math.abs(value) < 0.0005 ? "0" : Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toPrecision(3));
  const rate = (perHour) => `${digits(perHour / 60e6)} MB/min`;
  const clock = (s) => (s < 120 ? `${Math.round(s)} s` : s < 7200 ? `${(s / 60).toFixed(1)} min` : `${(s / 3600).toFixed(1)} h`);

  function take(news) {
    if (news.samples_offset < state.samples) { state.t = []; state.v = []; }
    for (const [t, v] of news.rows) { state.t.push(t); state.v.push(v); }
    state.samples = news.samples_offset;
    state.events = news.events_offset;
    for (const event of news.events) takeEvent(event);
    if (state.t.length > 40000) thin();
    state.ended = news.end !== null;
    state.verdict = news.verdict;
    words(news);
    draw();
  }

  function takeEvent(event) {
    const open = state.spans[state.spans.length - 1];
    if (event.event === "phase_start") {
      const kind = event.phase === "warmup" ? "warm-up" : String(event.kind ?? event.phase ?? "");
      if (!state.kinds.includes(kind)) state.kinds.push(kind);
      state.spans.push({ from: event.t_s, to: null, kind, phase: String(event.phase ?? "") });
    } else if (event.event === "phase_end") {
      if (open && open.to === null) open.to = event.t_s;
    } else {
      state.marks.push({ t: event.t_s, word: String(event.event).replaceAll("_", " ") });
    }
  }

  function thin() {
    state.t = state.t.filter((_, index) => index % 2 === 0);
    state.v = state.v.filter((_, index) => index % 2 === 0);
  }

  function words(news) {
    const last = state.spans[state.spans.length - 1];
    const now = state.t.length ? state.t[state.t.length - 1] : 0;
    const value = state.v.findLast((v) => v !== null);
    const soFar = news.so_far || {};
    byId("title").textContent = `${news.scenario}: ${news.metric}`;
    const phase = state.ended ? "ended" : last ? (last.to === null ? last.phase || last.kind : "draining") : news.scenario === "attach" ? "attached" : "not known yet";
    const left = state.ended || !Number.isFinite(soFar.duration_s) ? "" : `, ${clock(Math.max(0, soFar.duration_s - (now - soFar.begun_s)))} left`;
    show("phase", phase, `${clock(now)} so far${left}`);
    show("memory", value === undefined ? "not read yet" : `${digits(value / 1e6)} MB`, value === undefined ? "" : `first ${digits((state.v.find((v) => v !== null) ?? 0) / 1e6)} MB`);
    const growth = soFar.growth_bytes_per_h;
    if (growth && growth.estimate !== null) {
      const ends = growth.low !== null && growth.high !== null ? `95 %: ${digits(growth.low / 60e6)} to ${digits(growth.high / 60e6)}` : "";
      show("growth", rate(growth.estimate), ends);
    } else show("growth", "not known yet");
    const outcome = news.verdict || soFar.outcome;
    show("verdict", outcome ? `${outcome}${news.verdict ? "" : " so far"}` : "none yet", soFar.waits_for && !news.verdict ? `waits for ${soFar.waits_for}` : "", outcome || "");
    byId("verdict").previousElementSibling.textContent = news.verdict ? "verdict" : "verdict so far";
    if (soFar.completed_count !== undefined && soFar.completed_count !== null) {
      const troubles = [[soFar.failed_count, "failed"], [soFar.dropped_count, "dropped"]].filter(([count]) => count).map(([count, name]) => `${count} ${name}`);
      show("load", `${soFar.completed_count.toLocaleString("en")} queries`, soFar.generator_problem || troubles.join(", "), soFar.generator_problem ? "bad" : "");
    } else show("load", soFar.generator_problem || "none driven");
  }

  function element(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const isUse = (kind) => kind !== "idle" && kind !== "warm-up";
  const colour = (kind) => (isUse(kind) ? `var(--kind-${(state.kinds.filter(isUse).indexOf(kind) % 6) + 1})` : "var(--idle)");

  function ticks(low, high, wanted) {
    const raw = (high - low) / wanted || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
    const out = [];
    for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) out.push(tick);
    return out;
  }

  function draw() {
    const chart = byId("chart");
    const width = chart.clientWidth, height = chart.clientHeight, left = 56, bottom = 30, top = 8, right = 22;
    const known = state.v.filter((v) => v !== null).map((v) => v / 1e6);
    if (!known.length || width < 100) return;
    const least = known.reduce((a, b) => Math.min(a, b)), most = known.reduce((a, b) => Math.max(a, b));
    const span = Math.max(most - least, 0.1 * most, 1e-6), middle = (least + most) / 2;
    const low = Math.max(0, middle - 0.56 * span), high = middle + 0.56 * span;
    const end = Math.max(state.t[state.t.length - 1], 10);
    const x = (t) => left + ((width - left - right) * t) / end;
    const y = (v) => top + (height - top - bottom) * (1 - (v - low) / (high - low));
    chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const parts = [hatch()];
    for (const piece of state.spans) {
      const box = { x: x(piece.from), y: top, width: Math.max(0, x(piece.to ?? end) - x(piece.from)), height: height - top - bottom };
      parts.push(element("rect", { ...box, fill: piece.kind === "idle" ? "url(#hatch)" : colour(piece.kind), "fill-opacity": piece.kind === "idle" ? 0.6 : 0.16 }));
    }
    for (const piece of state.spans) {
      const from = x(piece.from), room = x(piece.to ?? end) - from, name = piece.kind.slice(0, 24);
      if (room > 7 * name.length + 6) parts.push(element("text", { x: from + room / 2, y: height - bottom - 6, "text-anchor": "middle", class: "kind" }, name));
    }
    for (const tick of ticks(low, high, 5)) {
      parts.push(element("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), class: "grid" }));
      parts.push(element("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, tick.toLocaleString("en")));
    }
    const [factor, unit] = end <= 180 ? [1, "s"] : end <= 10800 ? [60, "min"] : [3600, "h"];
    for (const tick of ticks(0, end / factor, width < 500 ? 4 : 8)) {
      parts.push(element("text", { x: x(tick * factor), y: height - bottom + 16, "text-anchor": "middle" }, `${tick.toLocaleString("en")} ${unit}`));
    }
    for (const mark of state.marks.slice(-20)) {
      parts.push(element("line", { x1: x(mark.t), x2: x(mark.t), y1: top, y2: height - bottom, class: "mark" }));
      parts.push(element("text", { x: x(mark.t) + 4, y: top + 12 }, mark.word));
    }
    parts.push(element("text", { x: 4, y: top + 10 }, "MB"));
    parts.push(element("path", { d: path(x, y, width), class: "line", id: "curve" }));
    chart.replaceChildren(...parts);
    legend();
  }

  function path(x, y, width) {
    const columns = Math.max(50, Math.round(width)), count = state.t.length;
    let out = "", pen = "M";
    const add = (index) => { out += `${pen}${x(state.t[index]).toFixed(1)} ${y(state.v[index] / 1e6).toFixed(1)}`; pen = "L"; };
    const step = Math.max(1, Math.floor(count / columns));
    for (let start = 0; start < count; start += step) {
      let low = -1, high = -1;
      for (let index = start; index < Math.min(start + step, count); index += 1) {
        if (state.v[index] === null) continue;
        if (low < 0 || state.v[index] < state.v[low]) low = index;
        if (high < 0 || state.v[index] > state.v[high]) high = index;
      }
      if (low < 0) { if (step > 1) pen = "M"; continue; }
      for (const index of low === high ? [low] : [Math.min(low, high), Math.max(low, high)]) add(index);
    }
    return out;
  }

  function hatch() {
    const pattern = element("pattern", { id: "hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    pattern.append(element("line", { x1: 0, y1: 0, x2: 0, y2: 7, stroke: "var(--idle)", "stroke-width": 2 }));
    return pattern;
  }

  function legend() {
    byId("legend").replaceChildren(...state.kinds.map((kind) => {
      const item = document.createElement("span"), box = document.createElement("i");
      box.style.background = kind === "idle" ? "repeating-linear-gradient(45deg, var(--idle) 0 2px, transparent 2px 5px)" : colour(kind);
      item.append(box, kind);
      return item;
    }));
  }

  async function poll() {
    try {
      const answer = await fetch(`news?samples=${state.samples}&events=${state.events}`);
      const news = answer.ok ? await answer.json() : null;
      if (news) take(news);
    } catch {
      closed();
      return;
    }
    setTimeout(poll, document.hidden ? 4000 : 1000);
  }

  function closed() {
    const verdict = byId("verdict");
    show("phase", "ended", "the run is over, or its page was closed");
    if (!state.verdict) show("verdict", verdict.firstChild ? verdict.firstChild.textContent : "none yet", "the final one stands on the terminal and in the report", verdict.className);
  }

  window.addEventListener("resize", draw);
  poll();
})();
