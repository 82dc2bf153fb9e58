import { type Signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { type Draft, draftOf, type Filter } from "../model/filter.ts";
import { useApp } from "./context.ts";

/** What is typed in the form, and the way to apply a filter from it. */
export interface DraftUse {
  readonly draft: Signal<Draft>;
  apply(filter: Filter): void;
}

/**
 * The draft follows the filter that is applied elsewhere: by a link, or by going back. What is half typed stays when a page
 * is turned, and when the answer to the form's own filter comes.
 */
export function useDraft(): DraftUse {
  const { tasks } = useApp();
  const applied = useComputed(() => tasks.request.value.filter);
  const own = useRef(applied.value);
  const draft = useSignal(draftOf(applied.value));
  useSignalEffect(() => {
    if (applied.value !== own.current) draft.value = draftOf(applied.value);
    own.current = applied.value;
  });
  const apply = (filter: Filter) => {
    own.current = filter;
    void tasks.apply(filter);
  };
  return { draft, apply };
}
