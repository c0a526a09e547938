// The status page. Everything that comes from torrents is put on the page as text, never as markup.
"use strict";

const STATUS = ["Stopped", "Will verify", "Verifying", "Queued", "Downloading", "Queued", "Seeding"];
const FIELDS = ["id", "name", "status", "error", "error_string", "percent_done", "size_when_done", "rate_download",
  "rate_upload", "recheck_progress", "metadata_percent_complete"];
const REFRESH_MS = 2000;
const FAILED_REFRESH_MS = 10000;

let sessionId = "";
let lastCall = 0;
const rows = new Map();
const element = (id) => document.getElementById(id);

async function call(method, params) {
  lastCall += 1;
  const body = JSON.stringify({ jsonrpc: "2.0", id: lastCall, method, params });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const reply = await fetch("../rpc", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Transmission-Session-Id": sessionId },
      body,
    });
    if (reply.status === 409) {
      sessionId = reply.headers.get("X-Transmission-Session-Id") || "";
      continue;
    }
    if (!reply.ok) throw new Error(`the daemon answers ${reply.status}`);
    const answer = await reply.json();
    if (answer.error) throw new Error(answer.error.data?.error_string || answer.error.message);
    return answer.result;
  }
  throw new Error("the daemon refuses our session id");
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}

const rate = (bytes) => (bytes > 0 ? `${size(bytes)}/s` : "");

function statusText(torrent) {
  if (torrent.error) return torrent.error_string;
  if (torrent.status === 2) return `Verifying ${Math.floor(torrent.recheck_progress * 100)} %`;
  if (torrent.status === 4 && torrent.metadata_percent_complete < 1) return "Fetching metadata";
  return STATUS[torrent.status] || "";
}

function report(error) {
  element("message").textContent = error ? `Error: ${error.message}` : "";
}

async function act(method, params) {
  try {
    await call(method, params);
    report(null);
    await refresh();
  } catch (error) {
    report(error);
  }
}

function newRow(id) {
  const row = element("row").content.firstElementChild.cloneNode(true);
  row.querySelector(".start").addEventListener("click", () => act("torrent_start", { ids: [id] }));
  row.querySelector(".stop").addEventListener("click", () => act("torrent_stop", { ids: [id] }));
  row.querySelector(".remove").addEventListener("click", () => {
    const name = row.querySelector(".name").textContent;
    if (window.confirm(`Remove ${name}? Its data stays where it is.`)) act("torrent_remove", { ids: [id] });
  });
  element("torrents").append(row);
  rows.set(id, row);
  return row;
}

function show(torrent) {
  const row = rows.get(torrent.id) || newRow(torrent.id);
  const put = (name, text) => {
    const cell = row.querySelector(name);
    if (cell.textContent !== text) cell.textContent = text;
  };
  put(".name", torrent.name);
  put(".done", `${Math.floor(torrent.percent_done * 100)} %`);
  put(".size", size(torrent.size_when_done));
  put(".status", statusText(torrent));
  put(".down", rate(torrent.rate_download));
  put(".up", rate(torrent.rate_upload));
  row.querySelector("progress").value = torrent.percent_done;
  row.classList.toggle("fault", torrent.error !== 0);
}

function forget(id) {
  rows.get(id)?.remove();
  rows.delete(id);
}

let complete = false;

async function refresh() {
  const params = { fields: FIELDS };
  if (complete) params.ids = "recently_active";
  const answer = await call("torrent_get", params);
  if (!complete) {
    const present = new Set(answer.torrents.map((torrent) => torrent.id));
    for (const id of [...rows.keys()]) if (!present.has(id)) forget(id);
  }
  complete = true;
  for (const torrent of answer.torrents) show(torrent);
  for (const id of answer.removed || []) forget(id);
  const stats = await call("session_stats");
  element("rates").textContent = `↓ ${size(stats.download_speed)}/s  ↑ ${size(stats.upload_speed)}/s`;
  element("empty").hidden = rows.size > 0;
}

async function refreshForever() {
  let pause = REFRESH_MS;
  try {
    await refresh();
  } catch (error) {
    // After a pause of the connection a full list is needed again.
    complete = false;
    pause = FAILED_REFRESH_MS;
    report(error);
  }
  window.setTimeout(refreshForever, pause);
}

function base64Of(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

element("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const [file] = form.elements.file.files;
  const link = form.elements.link.value.trim();
  if (!file && !link) return;
  await act("torrent_add", file ? { metainfo: await base64Of(file) } : { filename: link });
  form.reset();
});

refreshForever();
