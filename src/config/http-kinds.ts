import { LAYOUT_NAMES, type LayoutName } from "../task/layouts.ts";
import { HOST, type Kind } from "./kinds.ts";

/** Shorter ones can be guessed over a network. */
const SHORTEST_TOKEN = 16;

export const TOKEN: Kind<string> = {
  accepted: `at least ${SHORTEST_TOKEN} letters, digits and signs of ASCII, without spaces (openssl rand -hex 32 makes one)`,
  isSecret: true,
  parse: (text) => (/^[\x21-\x7e]+$/.test(text) && text.length >= SHORTEST_TOKEN ? text : undefined),
};

/** Without the slash at its end. */
export const BASE_PATH: Kind<string> = {
  accepted: "a path such as /tts, of letters, digits, . _ - and /",
  parse: (text) => {
    const path = text.trim().replace(/\/+$/, "");
    const isPath = /^(?:\/[\w.-]+)*$/.test(path) && !/\/\.\.?(?:\/|$)/.test(path);
    return isPath ? path : undefined;
  },
};

export const ALLOWED_HOSTS: Kind<readonly string[]> = {
  accepted: "host names separated by commas, without ports, such as tts.example.org, tts",
  parse: (text) => {
    const hosts = text.split(",").map((host) => HOST.parse(host));
    return hosts.includes(undefined) ? undefined : hosts.map((host) => host!.toLowerCase());
  },
};

export const DIALECT: Kind<LayoutName> = {
  accepted: "plain, or api_ms (the requests and answers of the GPT-SoVITS API service)",
  parse: (text) => LAYOUT_NAMES.find((name) => name === text.trim().toLowerCase()),
};
