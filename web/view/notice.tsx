import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

export interface NoticeProps {
  readonly kind: "info" | "warning" | "error";
  readonly title: string;
  /** What to do next. */
  readonly children?: ComponentChildren;
}

/** Something to know, in a box. */
export function Notice({ kind, title, children }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {kind === "info" ? null : <Icon name="warning" />}
      <div>
        <p class="notice-title">{title}</p>
        {children}
      </div>
    </div>
  );
}
