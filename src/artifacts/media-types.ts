const AUDIO: Readonly<Record<string, string>> = {
  wav: "audio/wav",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  opus: "audio/ogg",
  flac: "audio/flac",
  m4a: "audio/mp4",
  aac: "audio/aac",
  webm: "audio/webm",
};

/** The type of a file that a player takes, by its name; undefined for any other. */
export function mediaTypeOf(name: string): string | undefined {
  const extension = /\.([a-z\d]+)$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(AUDIO, extension) ? AUDIO[extension] : undefined;
}
