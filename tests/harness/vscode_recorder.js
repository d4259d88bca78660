// Runs in the editor's page: notes at each drawn frame what a person would see, whenever it changed.
(() => {
  const plain = (text) => text.replace(/\u00a0/g, " ").replace(/[\u200b\u200c\ufeff]/g, "");
  const isGhost = (node) => /ghost-text|suggest-preview-text/.test(node.className || "");

  // The parts of a drawn line in order, told apart by whether they are ghost text.
  const parts = (line) => {
    const found = [];
    const walk = (node, ghost) => {
      if (node.nodeType === Node.TEXT_NODE) {
        const last = found[found.length - 1];
        const text = plain(node.data);
        if (last && last[0] === ghost) last[1] += text;
        else found.push([ghost, text]);
        return;
      }
      for (const child of node.childNodes) walk(child, ghost || isGhost(child));
    };
    walk(line, false);
    return found;
  };
  const joined = (found, ghost) => found.filter((part) => part[0] === ghost).map((part) => part[1]).join("");

  const look = () => {
    const editor = document.querySelector(".editor-group-container.active .monaco-editor");
    const seen = { status: "", notes: [], line: "", typed: "", ghost: "", below: [] };
    const status = [...document.querySelectorAll(".statusbar-item")].find((item) => /^\W*Pilotfish\b/.test(item.textContent));
    if (status) seen.status = plain(status.textContent).trim();
    seen.notes = [...document.querySelectorAll(".notifications-toasts .notification-list-item-message")].map((item) =>
      plain(item.textContent).trim(),
    );
    if (!editor) return seen;
    const cursor = editor.querySelector(".cursors-layer .cursor");
    if (cursor) {
      const lines = [...editor.querySelectorAll(".view-lines > .view-line")];
      const line = lines.find((one) => one.style.top === cursor.style.top);
      if (line) {
        const found = parts(line);
        seen.line = found.map((part) => part[1]).join("");
        seen.typed = joined(found, false);
        seen.ghost = joined(found, true);
      }
    }
    // The lines of a suggestion below its first stand between the editor's own.
    seen.below = [...editor.querySelectorAll(".view-zones .suggest-preview-text .view-line, .view-zones .ghost-text .view-line")]
      .sort((one, other) => parseFloat(one.style.top) - parseFloat(other.style.top))
      .map((one) => plain(one.textContent));
    return seen;
  };

  window.seenFrames = [];
  window.lastKey = 0;
  window.lookNow = look;
  document.addEventListener("keydown", () => (window.lastKey = performance.now()), true);
  let last = "";
  const frame = (time) => {
    const seen = look();
    const text = JSON.stringify(seen);
    if (text !== last) {
      last = text;
      window.seenFrames.push({ time: performance.now(), key: window.lastKey, ...seen });
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})();
