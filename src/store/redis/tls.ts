import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { describeSystemError, TtsctlError } from "../../errors.ts";
import type { TlsFiles } from "./target.ts";

/**
 * What a TLS connection to a host needs. The files are read for each connection, or those of a cluster at once, so a
 * process that lives on takes a renewed certificate with its next one.
 * @throws TtsctlError REDIS_TLS for a file that cannot be read
 */
export async function tlsOptions(files: TlsFiles): Promise<(host: string) => ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map(contentOf));
  return (host) => {
    const name = files.serverName ?? host;
    return {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(isIP(name) === 0 && { servername: name }),
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    };
  };
}

async function contentOf(path: string | null): Promise<Buffer | null> {
  try {
    return path === null ? null : await readFile(path);
  } catch (cause) {
    throw new TtsctlError("REDIS_TLS", `${path} cannot be read: ${describeSystemError(cause)}`, {
      hint: "see [redis] tls_ca, tls_cert and tls_key",
      cause,
    });
  }
}
