import { useSignal } from "@preact/signals";
import type { StatsChart } from "../../src/http/schema.ts";
import { BAR_SIGNS } from "../../src/render/hour-chart.ts";
import { SPANS, type Span } from "../../src/task/spans.ts";
import type { Messages } from "../i18n/en.ts";
import { ServiceClock } from "../time/service-clock.ts";
import { useApp } from "./context.ts";
import { SignalSelect } from "./parts.tsx";

type Bar = StatsChart["bars"][number];

/** From the bottom of a bar to its top. */
export const BAR_ORDER = BAR_SIGNS.map(([status]) => status);

/** One failed task among ten thousand must be seen: no part is lower than this, in per cent. */
const LEAST = 2;

/** The parts of a bar, which is never higher than the chart; `from` and `height` in per cent of it, from the bottom. */
function segmentsOf(bar: Bar, top: number) {
  const parts = BAR_ORDER.filter((status) => bar[status] > 0);
  const wanted = parts.map((status) => Math.max(LEAST, (bar[status] / top) * 100));
  const sumOf = (heights: readonly number[]) => heights.reduce((sum, height) => sum + height, 0);
  const heights = wanted.map((height) => height * Math.min(1, 100 / sumOf(wanted)));
  return parts.map((status, i) => ({ status, from: sumOf(heights.slice(0, i)), height: heights[i]! }));
}

/** Round numbers, so close that the highest bar fills most of the chart. */
const ROUND = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** The top of the scale: the largest count, rounded up to a round number. */
function topOf(bars: readonly Bar[]): number {
  const most = Math.max(1, ...bars.map(({ total }) => total));
  const power = 10 ** (String(most).length - 1);
  return ROUND.map((step) => Math.round(step * power * 10) / 10).find((top) => Number.isInteger(top) && top >= most)!;
}

const NO_TASKS = { total: 0, wait: 0, run: 0, done: 0, error: 0, other: 0 };

/** Before the counts arrive, the same boxes are drawn: nothing moves when they do. */
function emptyBars(span: Span): Bar[] {
  return Array.from({ length: SPANS[span].bars }, (_, i) => ({ ...NO_TASKS, from: String(i * 3600), until: "0" }));
}

/** Every so many bars get a label beneath them. */
const LABELLED = 6;

/** Tasks by the time of their last change, by the service's clock. */
export function Chart({ stats }: { stats: StatsChart | null }) {
  const { text, clock: known, preferences } = useApp();
  const isLoading = stats === null || known === null;
  const clock = known ?? new ServiceClock("UTC");
  const span = stats?.span ?? preferences.span.value;
  const bars = isLoading ? emptyBars(span) : stats.bars;
  const top = topOf(bars);
  return (
    <figure class={`chart ${isLoading ? "is-loading" : ""}`}>
      <div class="scale" aria-hidden="true" title={text.lastChange[span]}>
        <span>{text.number(top)}</span>
        <span>0</span>
      </div>
      <div class="plot">
        <svg viewBox={`0 0 ${bars.length * 10} 100`} preserveAspectRatio="none" aria-hidden="true">
          {bars.map((bar, i) => (
            <g key={bar.from}>
              <rect x={i * 10 + 1} y={0} width={8} height={100} />
              {segmentsOf(bar, top).map(({ status, from, height }) => (
                <rect key={status} class={status} x={i * 10 + 1} y={100 - from - height} width={8} height={height} />
              ))}
            </g>
          ))}
        </svg>
        <BarButtons span={span} bars={bars} clock={clock} />
        <ol class="hours" aria-hidden="true">
          {bars.map((bar, i) => (
            <li key={bar.from}>{labelAt(i, span, bars, clock)}</li>
          ))}
        </ol>
      </div>
      <SignalSelect name="span" label={text.span} options={text.spans} choice={preferences.span} />
    </figure>
  );
}

/** Two digits: the hour, or the day of the month. */
function labelAt(i: number, span: Span, bars: readonly Bar[], clock: ServiceClock): string {
  const [day, hour] = dayAndHour(bars[i]!, clock);
  if (span === "7d") return i > 0 && day === dayAndHour(bars[i - 1]!, clock)[0] ? "" : day.slice(3);
  if (i % LABELLED !== 0 && i !== bars.length - 1) return "";
  return span === "24h" ? hour : day.slice(3);
}

/** When it begins, such as `11-25` and `01`. */
function dayAndHour({ from }: Bar, clock: ServiceClock) {
  const begin = clock.exact(from);
  return [begin.slice(5, 10), begin.slice(11, 13)] as const;
}

/** When a bar begins, and its tasks. */
function titleOf(bar: Bar, span: Span, clock: ServiceClock, text: Messages): string {
  const [day, hour] = dayAndHour(bar, clock);
  const begin = span === "24h" ? `${hour}:00` : span === "7d" ? `${day} ${hour}:00` : day;
  const parts = BAR_ORDER.filter((status) => bar[status] > 0).toReversed();
  const said = parts.map((status) => `${text.status[status]} ${text.number(bar[status])}`).join(", ");
  return `${begin}: ${said === "" ? text.noTasks : said}`;
}

/** How far a key moves the focus. */
const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, Home: -100, End: 100 };

/**
 * Over the bars: each filters the list to its time, or no longer. One is reached by Tab, the others by the arrow keys. The
 * one under the pointer, touched or with the focus has a tooltip.
 */
function BarButtons({ span, bars, clock }: { span: Span; bars: readonly Bar[]; clock: ServiceClock }) {
  const { tasks, form, text } = useApp();
  const reached = useSignal<string | null>(null);
  const tip = useSignal<number | null>(null);
  const { filter } = tasks.request.value;
  const timeOf = (iso: string) => [clock.iso(clock.epochOf(iso))];
  const ranges = bars.map(({ from, until }) => ({ since: timeOf(from), until: timeOf(until) }));
  const pressed = ranges.findIndex(({ since, until }) => `${since} ${until}` === `${filter.since} ${filter.until}`);
  const known = bars.findIndex(({ from }) => from === reached.value);
  const tabbed = known >= 0 ? known : pressed >= 0 ? pressed : bars.length - 1;
  const titles = bars.map((bar) => titleOf(bar, span, clock, text));
  const show = (i: number | null) => () => {
    tip.value = i;
    if (i !== null) reached.value = bars[i]!.from;
  };
  const move = (event: KeyboardEvent, i: number) => {
    if (event.key === "Escape") tip.value = null;
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(bars.length - 1, Math.max(0, i + step));
    (event.currentTarget as Element).parentElement!.querySelectorAll("button")[next]!.focus();
  };
  return (
    <div class="bars" role="toolbar" aria-label={text.lastChange[span]} onPointerLeave={show(null)}>
      {bars.map((bar, i) => (
        <button
          key={bar.from}
          type="button"
          aria-label={titles[i]}
          aria-pressed={i === pressed}
          tabIndex={i === tabbed ? 0 : -1}
          onFocus={show(i)}
          onBlur={show(null)}
          onPointerEnter={() => (tip.value = i)}
          onKeyDown={(event) => move(event, i)}
          onClick={() => void form.refine(i === pressed ? { since: [], until: [] } : ranges[i]!)}
        />
      ))}
      {tip.value !== null && (
        <p
          class="tooltip"
          aria-hidden="true"
          style={{ left: `clamp(7rem, ${((tip.value + 0.5) / bars.length) * 100}%, calc(100% - 7rem))` }}
        >
          {titles[tip.value]}
        </p>
      )}
    </div>
  );
}
