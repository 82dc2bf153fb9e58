import type { KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describeSystemError, systemErrorCode, TtsctlError } from "../errors.ts";
import type { RedisSettings, Setting } from "./settings.ts";

/**
 * Sees that the files of a TLS connection, where one is in force, can be read and are what they should be.
 * @throws TtsctlError CONFIG_INVALID that names the setting and the file
 */
export async function checkTlsFiles({ enabled, tls, tlsCa, tlsCert, tlsKey }: RedisSettings): Promise<void> {
  if (!enabled.value || !tls.value) return;
  if (tlsCa.value === null && tlsCert.value === null) return;
  const { X509Certificate, createPrivateKey } = await import("node:crypto");
  const certificate = (pem: Buffer) => new X509Certificate(pem);
  await parsed(tlsCa, "a certificate in PEM", certificate);
  const shown = await parsed(tlsCert, "a certificate in PEM", certificate);
  if (shown === null) return;
  const keySetting = tlsKey.value === null ? tlsCert : tlsKey;
  const key = await parsed(keySetting, "a private key in PEM without a passphrase", createPrivateKey);
  if (key !== null) checkPair(shown, key, tlsCert, keySetting);
}

async function parsed<T>(setting: Setting<string | null>, what: string, parse: (pem: Buffer) => T): Promise<T | null> {
  if (setting.value === null) return null;
  const pem = await content(setting, setting.value);
  try {
    return parse(pem);
  } catch (cause) {
    throw invalid(setting, `${setting.value} holds no such thing; accepted: the path of ${what}`, cause);
  }
}

async function content(setting: Setting<string | null>, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (systemErrorCode(cause) === undefined) throw cause;
    throw invalid(setting, `${path} cannot be read: ${describeSystemError(cause)}`, cause);
  }
}

function checkPair(cert: X509Certificate, key: KeyObject, certSetting: Setting<unknown>, keySetting: Setting<unknown>) {
  if (cert.checkPrivateKey(key)) return;
  throw invalid(keySetting, `is not the key of the certificate that ${certSetting.origin} names`);
}

function invalid({ origin }: Setting<unknown>, what: string, cause?: unknown): TtsctlError {
  return new TtsctlError("CONFIG_INVALID", `${origin}: ${what}`, { cause });
}
