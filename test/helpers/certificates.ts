import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, as paths of PEM files. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority for tests, and its certificates, in a temporary directory until `remove` or the end of the process. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), "ttsctl-tls-"));
  readonly #own: Pair;
  #serial = 0;

  constructor(name = "authority of a test") {
    process.once("exit", () => this.remove());
    this.#own = this.#paths(name);
    const { cert, key } = this.#own;
    this.#openssl("req", "-x509", ...NEW_KEY, key, "-out", cert, "-days", "2", "-subj", `/CN=${name}`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The certificate to trust. */
  get ca(): string {
    return this.#own.cert;
  }

  /**
   * @param names what it is for, as openssl writes it: `IP:127.0.0.1,DNS:localhost`
   * @param expired its day is over
   */
  sign(name: string, names: string, expired = false): Pair {
    const pair = this.#paths(name);
    const [request, extensions] = [join(this.folder, `${name}.csr`), join(this.folder, `${name}.ext`)];
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    this.#openssl("req", ...NEW_KEY, pair.key, "-out", request, "-subj", `/CN=${name}`);
    const until = expired ? ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"] : ["-days", "2"];
    this.#openssl(
      ...["x509", "-req", "-in", request, "-out", pair.cert, "-extfile", extensions, ...until],
      ...["-CA", this.#own.cert, "-CAkey", this.#own.key, "-set_serial", `${++this.#serial}`],
    );
    return pair;
  }

  #paths(name: string): Pair {
    const base = join(this.folder, name.replaceAll(" ", "-"));
    return { cert: `${base}.pem`, key: `${base}.key` };
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"];
