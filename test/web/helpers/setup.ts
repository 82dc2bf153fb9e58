import type { Browser } from "playwright-core";
import { afterEach, expect } from "vitest";
import type { Clock } from "../../../src/clock.ts";
import { type Served, useServer } from "../../http/setup.ts";
import { startBrowser, Tab, type TabOptions } from "./browser.ts";

type Place = ReturnType<typeof useServer>;

export interface WebPlace extends Place {
  /** Serves the root without cleaning it up; the store file has been pushed to Redis when it returns. */
  serveSynced(clock?: Clock): Promise<Served>;
  /** Opens the page. Nothing that a page must not do may be noted of it when the test ends. */
  open(url: string, options?: TabOptions): Promise<Tab>;
  /** Opens the page of a server as of `serveSynced`. @param path with what is behind `#` */
  page(path?: string, options?: TabOptions): Promise<Tab>;
}

/** That of this process, which ends with it. */
let browser: Promise<Browser> | undefined;

/** A root, its Redis, servers and tabs for the tests of a file, in one browser. */
export function useWeb(): WebPlace {
  const place = useServer();
  const tabs: Tab[] = [];
  afterEach(async () => {
    const complaints = tabs.flatMap((tab) => tab.complaints);
    for (const tab of tabs.splice(0)) await tab.close();
    expect(complaints).toEqual([]);
  });
  const serveSynced = async (clock?: Clock) => {
    const served = await place.serve("--no-cleanup", {}, clock);
    await served.run.says(/from the file to Redis/);
    return served;
  };
  const open = async (url: string, options: TabOptions = {}) => {
    browser ??= startBrowser();
    const tab = await Tab.open(await browser, url, options);
    tabs.push(tab);
    return tab;
  };
  const page = async (path = "", options: TabOptions = {}) => open((await serveSynced()).url + path, options);
  return Object.assign(place, { serveSynced, open, page });
}
