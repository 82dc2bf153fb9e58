import { useSignal } from "@preact/signals";
import type { StatsChart } from "../../src/http/schema.ts";
import type { Span } from "../../src/task/spans.ts";
import { Failure } from "../api/failure.ts";
import { BAR_ORDER, segmentsOf, topOf } from "../chart/bars.ts";
import type { Messages } from "../i18n/en.ts";
import type { Filter } from "../model/filter.ts";
import { ServiceClock } from "../time/service-clock.ts";
import { useApp } from "./context.ts";
import { FailureText, IconButton, Select } from "./parts.tsx";

/** How many tasks there are by status, which filters the list, and when they changed. */
export function Overview() {
  const { about, text } = useApp();
  const isOpen = useSignal(!matchMedia("(max-width: 40rem)").matches);
  const stats = about.stats.value;
  const failure = stats instanceof Failure ? stats : null;
  const known = stats instanceof Failure ? null : stats;
  return (
    <section class="overview" aria-label={text.overview} aria-busy={stats === null}>
      <Tabs stats={known} />
      <IconButton
        name="columns"
        label={text.chart}
        aria-expanded={isOpen.value}
        press={() => (isOpen.value = !isOpen.value)}
      />
      {failure && (
        <div class="chart">
          <p class="quiet">{text.overviewFailed}</p>
          <FailureText failure={failure} />
        </div>
      )}
      {!failure && isOpen.value && <Chart stats={known} />}
    </section>
  );
}

/** Of this many tasks on, a count is shown rounded. */
const MANY = 100_000;

function Tabs({ stats }: { stats: StatsChart | null }) {
  const { tasks, form, text } = useApp();
  const { statuses, stuck } = tasks.request.value.filter;
  const shown = BAR_ORDER.filter((status) => status !== "other" || (stats?.byStatus.other ?? 0) > 0).toReversed();
  const current = stuck.length > 0 ? "stuck" : statuses.length === 0 ? "all" : statuses.join();
  const tab = (name: string, label: string, count: number | undefined, filter: Partial<Filter>) => {
    const exact = count === undefined ? "–" : text.number(count);
    const isCurrent = name === current;
    return (
      <button
        key={name}
        type="button"
        class={name}
        title={`${label}: ${exact}`}
        aria-pressed={isCurrent}
        onClick={() => void form.refine({ statuses: [], stuck: [], ...(isCurrent ? {} : filter) })}
      >
        <span>{label}</span> <strong>{count !== undefined && count >= MANY ? text.rounded(count) : exact}</strong>
      </button>
    );
  };
  return (
    <fieldset class="status-tabs" aria-label={text.filterParts.statuses}>
      {tab("all", text.all, stats?.total, {})}
      {shown.map((name) => tab(name, text.status[name], stats?.byStatus[name], { statuses: [name] }))}
      {tab("stuck", text.filterParts.stuck, stats?.stuck, { stuck: ["true"] })}
    </fieldset>
  );
}

const NO_TASKS = { total: 0, wait: 0, run: 0, done: 0, error: 0, other: 0 };
const BARS: Readonly<Record<Span, number>> = { "24h": 24, "7d": 28, "30d": 30 };

type Bar = StatsChart["bars"][number];

/** Before the counts arrive, the same boxes are drawn: nothing moves when they do. */
function emptyBars(span: Span): Bar[] {
  return Array.from({ length: BARS[span] }, (_, i) => ({ ...NO_TASKS, from: String(i * 3600), until: "0" }));
}

interface ChartProps {
  readonly span: Span;
  readonly bars: readonly Bar[];
  readonly clock: ServiceClock;
}

/** Every so many bars get a label beneath them. */
const LABELLED = 6;

/** Tasks by the time of their last change, by the service's clock. */
function Chart({ stats }: { stats: StatsChart | null }) {
  const { text, clock: known, preferences } = useApp();
  const chosen = preferences.span;
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
      <Select
        name="span"
        label={text.span}
        value={chosen.value}
        options={text.spans}
        choose={(span) => (chosen.value = span)}
      />
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

/** When a bar begins, and its tasks. */
function titleOf(bar: Bar, span: Span, clock: ServiceClock, text: Messages): string {
  const [day, hour] = [clock.day(bar.from), `${clock.hour(bar.from)}:00`];
  const begin = span === "24h" ? hour : span === "7d" ? `${day} ${hour}` : day;
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
function BarButtons({ span, bars, clock }: ChartProps) {
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
