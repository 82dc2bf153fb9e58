import { useSignal } from "@preact/signals";
import type { StatsChart } from "../../src/http/routes/stats.ts";
import { SPAN_NAMES, type Span } from "../../src/task/spans.ts";
import { BAR_ORDER, segmentsOf, topOf } from "../chart/bars.ts";
import type { Messages } from "../i18n/en.ts";
import type { ServiceClock } from "../time/service-clock.ts";
import { useApp, useMessages } from "./context.ts";

type Bar = StatsChart["bars"][number];

interface ChartProps {
  readonly span: Span;
  readonly bars: readonly Bar[];
  readonly clock: ServiceClock;
}

/** Every so many bars get a label beneath them. */
const LABELLED = 6;

/** Tasks by the time of their last change, of the service's clock; a table for who cannot see it. */
export function Chart({ span, bars, clock }: ChartProps) {
  const text = useMessages();
  const top = topOf(bars);
  const isQuiet = bars.every(({ total }) => total === 0);
  return (
    <figure class="chart">
      <figcaption>
        <span>{isQuiet ? text.quiet[span] : text.lastChange[span]}</span>
        <Spans />
      </figcaption>
      <div class="plot">
        <span class="scale" aria-hidden="true">
          {text.number(top)}
        </span>
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
      <BarTable span={span} bars={bars} clock={clock} />
    </figure>
  );
}

function Spans() {
  const { span } = useApp().preferences;
  const text = useMessages();
  return (
    <fieldset class="spans" aria-label={text.span}>
      {SPAN_NAMES.map((name) => (
        <button key={name} type="button" aria-pressed={name === span.value} onClick={() => (span.value = name)}>
          {text.spans[name]}
        </button>
      ))}
    </fieldset>
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

/** Over the bars: each filters the list to its time, or no longer. One is reached by Tab, the others by the arrow keys. */
function BarButtons({ span, bars, clock }: ChartProps) {
  const { tasks, form } = useApp();
  const text = useMessages();
  const reached = useSignal<string | null>(null);
  const { filter } = tasks.request.value;
  const timeOf = (iso: string) => [clock.iso(clock.epochOf(iso))];
  const ranges = bars.map(({ from, until }) => ({ since: timeOf(from), until: timeOf(until) }));
  const pressed = ranges.findIndex(({ since, until }) => `${since} ${until}` === `${filter.since} ${filter.until}`);
  const known = bars.findIndex(({ from }) => from === reached.value);
  const tabbed = known >= 0 ? known : pressed >= 0 ? pressed : bars.length - 1;
  const move = (event: KeyboardEvent, i: number) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(bars.length - 1, Math.max(0, i + step));
    (event.currentTarget as Element).parentElement!.querySelectorAll("button")[next]!.focus();
  };
  return (
    <div class="bars" role="toolbar" aria-label={text.lastChange[span]}>
      {bars.map((bar, i) => {
        const title = text.barTitle(nameOf(bar, span, clock), partsOf(bar, text));
        return (
          <button
            key={bar.from}
            type="button"
            aria-label={title}
            title={title}
            aria-pressed={i === pressed}
            tabIndex={i === tabbed ? 0 : -1}
            onFocus={() => (reached.value = bar.from)}
            onKeyDown={(event) => move(event, i)}
            onClick={() => void form.refine(i === pressed ? { since: [], until: [] } : ranges[i]!)}
          />
        );
      })}
    </div>
  );
}

function BarTable({ span, bars, clock }: ChartProps) {
  const text = useMessages();
  return (
    <table class="visually-hidden">
      <thead>
        <tr>
          <th scope="col">{text.bar[span]}</th>
          {BAR_ORDER.map((status) => (
            <th key={status} scope="col">
              {text.status[status]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {bars.map((bar) => (
          <tr key={bar.from}>
            <th scope="row">{nameOf(bar, span, clock)}</th>
            {BAR_ORDER.map((status) => (
              <td key={status}>{bar[status]}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function partsOf(bar: Bar, text: Messages): string {
  const parts = BAR_ORDER.filter((status) => bar[status] > 0).map(
    (status) => `${text.status[status]} ${text.number(bar[status])}`,
  );
  return parts.length === 0 ? text.noTasks : parts.toReversed().join(", ");
}
