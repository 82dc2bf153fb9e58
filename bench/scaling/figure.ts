/** One measured number that docs/scaling.md reckons with. */
export interface Figure {
  readonly id: string;
  /** The measured quantity, in Markdown. */
  readonly what: string;
  readonly value: number;
  readonly unit: "bytes" | "µs" | "ms" | "×";
}

export function figureText({ value, unit }: Figure): string {
  const text = value >= 100 ? value.toFixed(0) : value.toPrecision(3).replace(/\.?0+$/, "");
  return unit === "×" ? text : `${text} ${unit}`;
}
