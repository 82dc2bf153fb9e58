import type { NamedTask, StatsResult } from "../operations/stats/stats.ts";
import { printable, shellWord } from "../printable.ts";
import { counted, firstOf, formatAge, formatBytes, formatDuration } from "../task/amounts.ts";
import { memberOf } from "../task/ids.ts";
import { BAR_SIGNS, type BarStatus, FULL_BLOCK, hourChart } from "./hour-chart.ts";
import { textOf } from "./item-lines.ts";
import { type Rows, STATUS_COLORS, STATUSES, type TableStyle, tableLines } from "./table.ts";

/** `hour`: of an ISO time in the service's zone, as two digits. */
type StatsStyle = TableStyle & { readonly wide: boolean; hour(iso: string): string };

/** Columns for CSV, and a row for each user; bytes are empty if the disk wasn't read. */
export function userCells({ byUser }: StatsResult): [columns: string[], rows: string[][]] {
  const rows = byUser.map((user) => [
    ...[user.user_id, user.total, ...STATUSES.map((status) => user[status]), user.lastChange],
    ...(user.disk === null ? ["", ""] : [user.disk.audioBytes, user.disk.logBytes]),
  ]);
  const columns = ["user_id", "total", ...STATUSES, "lastChange", "audioBytes", "logBytes"];
  return [columns, rows.map((row) => row.map(String))];
}

export function statsText(stats: StatsResult, style: StatsStyle): string {
  const whose = stats.user === null ? counted(stats.users, "user") : printable(stats.user);
  const title = `${counted(stats.total, "task")} of ${whose}, from ${stats.source}\n`;
  const parts = [title, statusTable(stats, style), userTable(stats, style), chart(stats, style), notes(stats, style)];
  return parts.filter((part) => part !== "").join("\n");
}

function statusTable({ total, byStatus, disk, ages }: StatsResult, style: StatsStyle): string {
  const bounds = ages.map(({ upTo }) => {
    return upTo === null ? `>${formatDuration(ages.at(-2)?.upTo ?? 0)}` : `<${formatDuration(upTo)}`;
  });
  const head = ["STATUS", "TASKS", "%", ...bounds, ...(disk ? ["AUDIO", "LOGS"] : [])];
  const shown = STATUSES.filter((status) => status !== "other" || byStatus.other > 0);
  const rows = shown.map((status) => [
    ...[status, String(byStatus[status]), total === 0 ? "-" : `${((byStatus[status] / total) * 100).toFixed(1)}%`],
    ...ages.map((age) => String(age[status])),
    ...(disk === null ? [] : [disk.byStatus[status].audioBytes, disk.byStatus[status].logBytes].map(formatBytes)),
  ]);
  return aligned(head, rows, style, (text) => style.colors[STATUS_COLORS[text as BarStatus]](text));
}

function userTable({ byUser, users, at, disk, user }: StatsResult, style: StatsStyle): string {
  if (user !== null || byUser.length === 0) return "";
  const shown = byUser.slice(0, style.wide ? 50 : 10);
  const head = ["USER", "TASKS", "WAIT", "RUN", "DONE", "ERROR", ...(disk ? ["DISK"] : []), "LAST"];
  const rows = shown.map(({ user_id, total, wait, run, done, error, disk, lastChange }) => [
    ...[printable(user_id), ...[total, wait, run, done, error].map(String)],
    ...(disk === null ? [] : [formatBytes(disk.audioBytes + disk.logBytes)]),
    `${formatAge((Date.parse(at) - Date.parse(lastChange)) / 1000)} ago`,
  ]);
  const more = users > shown.length ? `and ${counted(users - shown.length, "more user")}\n` : "";
  return aligned(head, rows, style) + more;
}

/** A table of names, and numbers, which are right-aligned. */
function aligned(head: readonly string[], rows: Rows, style: StatsStyle, paint = (text: string) => text): string {
  const columns = head.map((head, i) => {
    return { head, least: null, mayGo: i > 1, ...(i === 0 ? { paint } : { isNumber: true }) };
  });
  return tableLines(columns, rows, style).join("");
}

function chart({ perHour }: StatsResult, style: StatsStyle): string {
  const total = perHour.reduce((sum, hour) => sum + hour.total, 0);
  if (total === 0) return "no task changed in the last 24 hours\n";
  const signs = BAR_SIGNS.filter(([status]) => perHour.some((hour) => hour[status] > 0));
  const { width, blocks = false, colors } = style;
  const paint = (text: string, status: BarStatus) => colors[STATUS_COLORS[status]](text);
  const legend = signs.map(([status, sign]) => `${paint(blocks ? FULL_BLOCK : sign, status)} ${status}`);
  const labels = perHour.map(({ from }) => style.hour(from));
  const lines = hourChart(perHour, labels, { width: width ?? 80, blocks, paint });
  return textOf(`last change by hour, of ${total}: ${legend.join("  ")}`, ...lines);
}

function notes(stats: StatsResult, { colors }: StatsStyle): string {
  const { oldest, newest, disk, cleanup, stuck, invalid, dangling } = stats;
  const { files = null, bytes = null, tasks = 0 } = cleanup ?? {};
  const freed = files === null || bytes === null ? "" : `: ${counted(files, "file")}, ${formatBytes(bytes)}`;
  return textOf(
    oldest !== null && `oldest   ${nameOf(oldest)}`,
    newest !== null && `newest   ${nameOf(newest)}`,
    disk !== null && diskLine(disk),
    `cleanup  ${cleanup === null ? "off, or unknown" : `${counted(tasks, "task")} would be purged now${freed}`}`,
    stuck.tasks.length > 0 && colors.yellow(stuckLine(stats)),
    invalid !== null && invalid.count > 0 && colors.red(invalidLine(invalid)),
    dangling > 0 && `dangling ${counted(dangling, "index member")} without a task; fix with \`ttsctl verify --repair\``,
  );
}

function nameOf({ user_id, task_id, status, ageSeconds }: NamedTask): string {
  const age = ageSeconds < 0 ? "in the future" : `${formatAge(ageSeconds)} ago`;
  return `${printable(memberOf({ userId: user_id, taskId: task_id }))} (${status}, ${age})`;
}

function diskLine({ audioBytes, logBytes, sharedLogBytes, unowned, unread }: NonNullable<StatsResult["disk"]>): string {
  const lost = unowned.audioBytes + unowned.logBytes;
  return [
    `disk     ${formatBytes(audioBytes)} of audio, ${formatBytes(logBytes)} of logs`,
    ...(sharedLogBytes > 0 ? [`${formatBytes(sharedLogBytes)} in logs of several users`] : []),
    ...(lost > 0 ? [`${formatBytes(lost)} without a task`] : []),
    ...(unread > 0 ? [`${counted(unread, "part")} could not be read`] : []),
  ].join("; ");
}

function stuckLine({ stuck, user }: StatsResult): string {
  const command = `ttsctl mark${user === null ? "" : ` --user ${shellWord(user)}`} --stuck --to error`;
  return `stuck    ${stuck.count}: ${firstOf([nameOf(stuck.tasks[0]!)], stuck.count)}; ${command}`;
}

function invalidLine({ count, records }: NonNullable<StatsResult["invalid"]>): string {
  const named = records.slice(0, 3).map(({ user_id, task_id, byte, reason }) => {
    const id = user_id === null && task_id === null ? "" : ` (${user_id ?? "?"}:${task_id ?? "?"})`;
    return printable(`byte ${byte}${id}: ${reason}`);
  });
  return `invalid  ${counted(count, "record")}: ${firstOf(named, count, "; ")}`;
}
