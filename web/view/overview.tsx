import { useSignal } from "@preact/signals";
import type { StatsChart } from "../../src/http/routes/stats.ts";
import { SPAN_NAMES, type Span } from "../../src/task/spans.ts";
import { Failure } from "../api/failure.ts";
import { BAR_ORDER, segmentsOf, topOf } from "../chart/bars.ts";
import type { Messages } from "../i18n/en.ts";
import type { Filter } from "../model/filter.ts";
import { ServiceClock } from "../time/service-clock.ts";
import { useApp, useMessages, useTimes } from "./context.ts";
import { FailureText, Icon } from "./parts.tsx";

/** How many tasks there are by status, which filters the list, and when they changed. */
export function Overview() {
  const { overview } = useApp();
  const { clock } = useTimes();
  const text = useMessages();
  const isOpen = useSignal(!matchMedia("(max-width: 40rem)").matches);
  const stats = overview.stats.value;
  return (
    <section class="overview" aria-label={text.overview} aria-busy={stats === null}>
      <Tabs stats={stats instanceof Failure ? null : stats} />
      <button
        type="button"
        class="icon-button chart-toggle"
        aria-label={text.chart}
        aria-expanded={isOpen.value}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        <Icon name="chart" />
      </button>
      {stats instanceof Failure ? (
        <div class="chart">
          <p class="quiet">{text.overviewFailed}</p>
          <FailureText failure={stats} />
        </div>
      ) : isOpen.value ? (
        <Chart stats={stats} clock={clock} />
      ) : null}
    </section>
  );
}

/** Of this many tasks on, a count is shown rounded. */
const MANY = 100_000;

function Tabs({ stats }: { stats: StatsChart | null }) {
  const { tasks, form } = useApp();
  const text = useMessages();
  const { statuses, stuck } = tasks.request.value.filter;
  const shown = BAR_ORDER.filter((status) => status !== "other" || (stats?.byStatus.other ?? 0) > 0).toReversed();
  const current = stuck.length > 0 ? "stuck" : statuses.length === 0 ? "all" : statuses.join();
  const tabs = [
    { name: "all", label: text.all, count: stats?.total, filter: {} },
    ...shown.map((name) => ({
      ...{ name, label: text.status[name], count: stats?.byStatus[name] },
      filter: { statuses: [name] },
    })),
    { name: "stuck", label: text.filterParts.stuck, count: stats?.stuck, filter: { stuck: ["true"] } },
  ];
  const choose = (filter: Partial<Filter>) => void form.refine({ statuses: [], stuck: [], ...filter });
  return (
    <fieldset class="status-tabs" aria-label={text.filterParts.statuses}>
      {tabs.map(({ name, label, count, filter }) => {
        const exact = count === undefined ? "–" : text.number(count);
        return (
          <button
            key={name}
            type="button"
            class={name}
            title={`${label}: ${exact}`}
            aria-pressed={name === current}
            onClick={() => choose(name === current ? {} : filter)}
          >
            <span>{label}</span> <strong>{count !== undefined && count >= MANY ? text.rounded(count) : exact}</strong>
          </button>
        );
      })}
    </fieldset>
  );
}

const NO_TASKS = { total: 0, wait: 0, run: 0, done: 0, error: 0, other: 0 };
const BARS: Readonly<Record<Span, number>> = { "24h": 24, "7d": 28, "30d": 30 };

type Bar = StatsChart["bars"][number];

/** Before the counts arrive, the same boxes are drawn: nothing moves when they do. */
function emptyBars(span: Span): Bar[] {
  return Array.from({ length: BARS[span] }, (_, i) => ({
    from: String(i * 3600),
    until: String(i * 3600 + 3600),
    ...NO_TASKS,
  }));
}

interface ChartProps {
  readonly span: Span;
  readonly bars: readonly Bar[];
  readonly clock: ServiceClock;
}

/** Every so many bars get a label beneath them. */
const LABELLED = 6;

/** Tasks by the time of their last change, by the service's clock. */
function Chart({ stats, clock: known }: { stats: StatsChart | null; clock: ServiceClock | null }) {
  const text = useMessages();
  const chosen = useApp().preferences.span;
  const isLoading = stats === null || known === null;
  const clock = known ?? new ServiceClock("UTC");
  const span = stats?.span ?? chosen.value;
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
              <rect class="slot" x={i * 10 + 1} y={0} width={8} height={100} />
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
      <select
        name="span"
        aria-label={text.span}
        value={chosen.value}
        onChange={({ currentTarget }) => {
          chosen.value = currentTarget.value as Span;
        }}
      >
        {SPAN_NAMES.map((name) => (
          <option key={name} value={name}>
            {text.spans[name]}
          </option>
        ))}
      </select>
    </figure>
  );
}

/** Two digits: the hour, or the day of the month. */
function labelAt(i: number, span: Span, bars: readonly Bar[], clock: ServiceClock): string {
  const { from } = bars[i]!;
  const day = clock.day(from);
  if (span === "7d") return i > 0 && day === clock.day(bars[i - 1]!.from) ? "" : day.slice(3);
  if (i % LABELLED !== 0 && i !== bars.length - 1) return "";
  return span === "24h" ? clock.hour(from) : day.slice(3);
}

/** When a bar begins. */
function nameOf({ from }: Bar, span: Span, clock: ServiceClock): string {
  const [day, hour] = [clock.day(from), `${clock.hour(from)}:00`];
  return span === "24h" ? hour : span === "7d" ? `${day} ${hour}` : day;
}

/** How far a key moves the focus. */
const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, Home: -100, End: 100 };

/**
 * Over the bars: each filters the list to its time, or no longer. One is reached by Tab, the others by the arrow keys. The
 * one under the pointer, touched or with the focus has a tooltip.
 */
function BarButtons({ span, bars, clock }: ChartProps) {
  const { tasks, form } = useApp();
  const text = useMessages();
  const reached = useSignal<string | null>(null);
  const tip = useSignal<number | null>(null);
  const { filter } = tasks.request.value;
  const timeOf = (iso: string) => [clock.iso(clock.epochOf(iso))];
  const ranges = bars.map(({ from, until }) => ({ since: timeOf(from), until: timeOf(until) }));
  const pressed = ranges.findIndex(({ since, until }) => `${since} ${until}` === `${filter.since} ${filter.until}`);
  const known = bars.findIndex(({ from }) => from === reached.value);
  const tabbed = known >= 0 ? known : pressed >= 0 ? pressed : bars.length - 1;
  const titles = bars.map((bar) => text.barTitle(nameOf(bar, span, clock), partsOf(bar, text)));
  const show = (i: number | null) => {
    tip.value = i;
  };
  const move = (event: KeyboardEvent, i: number) => {
    if (event.key === "Escape") show(null);
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(bars.length - 1, Math.max(0, i + step));
    (event.currentTarget as Element).parentElement!.querySelectorAll("button")[next]!.focus();
  };
  return (
    <div class="bars" role="toolbar" aria-label={text.lastChange[span]} onPointerLeave={() => show(null)}>
      {bars.map((bar, i) => (
        <button
          key={bar.from}
          type="button"
          aria-label={titles[i]}
          aria-pressed={i === pressed}
          tabIndex={i === tabbed ? 0 : -1}
          onFocus={() => {
            reached.value = bar.from;
            show(i);
          }}
          onBlur={() => show(null)}
          onPointerEnter={() => show(i)}
          onKeyDown={(event) => move(event, i)}
          onClick={() => void form.refine(i === pressed ? { since: [], until: [] } : ranges[i]!)}
        />
      ))}
      {tip.value === null ? null : (
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

function partsOf(bar: Bar, text: Messages): string {
  const parts = BAR_ORDER.filter((status) => bar[status] > 0).map(
    (status) => `${text.status[status]} ${text.number(bar[status])}`,
  );
  return parts.length === 0 ? text.noTasks : parts.toReversed().join(", ");
}
