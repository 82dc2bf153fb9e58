import { formatBytes, formatLength } from "../../src/task/amounts.ts";
import { type Download, isPlayable } from "../model/files.ts";
import type { Row } from "../model/row.ts";
import { useApp, useMessages } from "./context.ts";
import { Icon, Line } from "./parts.tsx";
import { trackOf } from "./play.tsx";

/** The files of a task: audio to play, everything to download. */
export function Files({ row, files }: { row: Row; files: readonly Download[] }) {
  const text = useMessages();
  if (files.length === 0) return <p class="quiet">{text.noFiles}</p>;
  return (
    <>
      {files.some(isPlayable) ? null : <p class="quiet">{text.noAudioHere}</p>}
      <ul class="files" aria-label={text.files}>
        {files.map((file) => (
          <li key={file.url}>
            {isPlayable(file) ? <PlayFile row={row} file={file} /> : null}
            <span class="file-name">
              <Line text={file.name} />
            </span>
            <span class="quiet">
              {formatBytes(file.bytes)}
              {file.seconds === undefined ? "" : ` · ${formatLength(file.seconds)}`}
              {file.damaged ? ` · ${text.damaged}` : ""}
            </span>
            <a class="button small" href={file.url} download={file.name} aria-label={text.downloadFile(file.name)}>
              <Icon name="download" />
              {text.download}
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

function PlayFile({ row, file }: { row: Row; file: Download }) {
  const { player } = useApp();
  const text = useMessages();
  const isPlaying = player.playing.value && player.track.value?.file.url === file.url;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={`${isPlaying ? text.pause : text.play} ${file.name}`}
      onClick={() => (isPlaying ? player.pause() : player.play(trackOf(row, file)))}
    >
      <Icon name={isPlaying ? "pause" : "play"} />
    </button>
  );
}
