// Makes a small service root, as the TTS service leaves it on disk: config.ini (without Redis), voice_task.json,
// output/ and Logs/. Twelve tasks of three users; four of them are finished and older than the retention of 7 days.
//
//     node script/demo-root.mjs FOLDER
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { speak } from "../examples/service/speak.mjs";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CONFIG = `[redis]
enabled = false
host = 127.0.0.1
port = 6379

[store]
path = voice_task.json

[cleanup]
retention = 7d
`;

/** user, task, status, age of the last change in seconds, text, error */
const TASKS = [
  ["alice", "t01", "succeeded", 9 * DAY, "你好，欢迎使用语音合成服务。"],
  ["alice", "t02", "failed", 8 * DAY, "今天的天气非常好，我们一起去公园散步吧！", "合成失败：显存不足"],
  ["alice", "t03", "succeeded", 2 * DAY, "第三章：他说“等等”，然后推开了门……"],
  ["alice", "t04", "running", 3 * MINUTE, "The quick brown fox jumps over the lazy dog."],
  ["alice", "t05", "queued", 1 * MINUTE, "价格是十二元五角。"],
  ["bob", "t06", "succeeded", 12 * DAY, "Good morning. Here is the news."],
  ["bob", "t07", "running", 10 * DAY, "这个任务在服务崩溃之后一直没有结束。"],
  ["bob", "t08", "succeeded", 5 * HOUR, "Mind the gap between the train and the platform."],
  ["bob", "t09", "failed", 1 * DAY, "参考音频太短。", "参考音频少于三秒"],
  ["小雨", "t10", "succeeded", 30 * DAY, "床前明月光，疑是地上霜。"],
  ["小雨", "t11", "succeeded", 3 * HOUR, "举头望明月，低头思故乡。"],
  ["小雨", "t12", "queued", 20, "春眠不觉晓，处处闻啼鸟。"],
];

const [root] = process.argv.slice(2);
if (root === undefined) {
  console.error("usage: node script/demo-root.mjs FOLDER");
  process.exitCode = 2;
} else makeRoot(root, Date.now() / 1000);

function makeRoot(root, now) {
  mkdirSync(root, { recursive: true });
  if (readdirSync(root).length > 0) throw new Error(`${root} is not empty`);
  mkdirSync(join(root, "output"));
  mkdirSync(join(root, "Logs"));
  writeFileSync(join(root, "config.ini"), CONFIG);
  const tasks = TASKS.map((columns) => taskOf(columns, now)).sort((a, b) => b.created - a.created);
  writeFileSync(join(root, "voice_task.json"), storeOf(tasks.map(({ record }) => record)));
  // Oldest first: a directory then keeps the time of its newest file.
  for (const task of [...tasks].sort((a, b) => a.updated - b.updated)) writeArtifacts(root, task);
  console.log(`${root}: ${tasks.length} tasks, ${tasks.filter(hasAudio).length} with audio`);
}

function taskOf([user, task, status, age, text, error = null], now) {
  const updated = now - age;
  const created = updated - 7.25;
  const record = {
    task_id: task,
    user_id: user,
    status,
    error,
    progress: { succeeded: 100, queued: 0 }[status] ?? 40,
    created_at: localIso(created),
    updated_at: localIso(updated),
    text,
    top_p: 1,
    temperature: 0.8,
    result_path: status === "succeeded" ? `output/${user}/${task}/${task}.wav` : null,
  };
  return { record, created, updated };
}

function hasAudio({ record }) {
  return record.status === "succeeded";
}

/** The bytes of Python's json.dump(ensure_ascii=False, indent=2), where a float keeps its fraction. */
function storeOf(records) {
  return JSON.stringify(records, null, 2).replaceAll('"top_p": 1,', '"top_p": 1.0,');
}

/** Local time without an offset, as Python's datetime.now().isoformat() writes it. */
function localIso(epoch) {
  const date = new Date(epoch * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  const micros = Math.floor((epoch % 1) * 1e6);
  return `${day}T${clock}.${String(micros).padStart(6, "0")}`;
}

/** The audio of a task that succeeded, and the log of one that is finished. */
function writeArtifacts(root, task) {
  const { user_id: user, task_id: id, status, created_at: created, updated_at: updated } = task.record;
  if (hasAudio(task)) write(join(root, "output", user, id, `${id}.wav`), tone(Number(id.slice(1))), task.updated);
  if (status !== "succeeded" && status !== "failed") return;
  const [day, time] = created.split("T");
  const log = `${created} queued user_id=${user}\n${updated} ${status}\n`;
  write(join(root, "Logs", day.replaceAll("-", ""), time.slice(0, 2), `${id}.log`), log, task.updated);
}

/** A file and the two folders above it, all as old as the task. */
function write(path, content, epoch) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  for (const aged of [path, dirname(path), dirname(dirname(path))]) utimesSync(aged, epoch, epoch);
}

/** A fifth of a second of audio that plays. */
function tone(step) {
  return speak(String.fromCodePoint("a".codePointAt(0) + step).repeat(4));
}
