import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { printable } from "../../src/printable.ts";

interface Props {
  readonly name: string;
  readonly children: ComponentChildren;
  onScroll?(event: { currentTarget: HTMLElement }): void;
}

/** A box of limited height. If its content is higher, Tab reaches it, for scrolling by keyboard. */
export function Scrollable({ name, onScroll, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const isHigher = useSignal(false);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => {
      isHigher.value = box.current!.scrollHeight > box.current!.clientHeight;
    });
    observer.observe(box.current!);
    observer.observe(content.current!);
    return () => observer.disconnect();
  }, []);
  const reachable = isHigher.value ? { tabIndex: 0, role: "group" as const, "aria-label": printable(name) } : {};
  return (
    <div ref={box} class="scrollable" {...(onScroll && { onScroll })} {...reachable}>
      <div ref={content}>{children}</div>
    </div>
  );
}
