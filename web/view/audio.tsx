import { useSignal } from "@preact/signals";
import { formatBytes, formatLength } from "../../src/task/amounts.ts";
import { Failure } from "../api/failure.ts";
import { type Download, isPlayable } from "../model/files.ts";
import type { Row } from "../model/row.ts";
import { useApp } from "./context.ts";
import { Icon, IconButton, Line } from "./parts.tsx";

/** Plays the first audio of a task; empty for a task without any. */
export function PlayTask({ row }: { row: Row }) {
  const { audio, player, opened, toggle, announce, text } = useApp();
  const isBusy = useSignal(false);
  const playable = row.status === "done" ? audio.of(row).value : null;
  if (playable === null || playable === undefined) return <span class="task-play" />;
  const isPlaying = player.plays(row.key);
  /** If there is nothing to play the row is opened: it shows the files, or the reason. */
  const retry = async () => {
    isBusy.value = true;
    await audio.ask([row]);
    isBusy.value = false;
    const found = audio.of(row).value;
    if (found && !(found instanceof Failure)) return player.toggle(trackOf(row, found));
    if (!opened.has(row.key)) toggle(row);
    announce(text.noAudioHere);
  };
  const press = () => {
    const track = isPlaying ? player.track.value : playable instanceof Failure ? null : trackOf(row, playable);
    return track === null ? retry() : player.toggle(track);
  };
  const label = isPlaying ? text.pauseTask(row.taskId) : text.playTask(row.taskId);
  return (
    <span class="task-play" aria-busy={isBusy.value}>
      <IconButton name={isPlaying ? "pause" : "play"} label={label} press={press} />
    </span>
  );
}

function trackOf({ key, userId, taskId }: Row, file: Download) {
  return { taskKey: key, userId, taskId, file };
}

/** The files of a task: audio to play, everything to download. */
export function Files({ row, files }: { row: Row; files: readonly Download[] }) {
  const { player, text } = useApp();
  if (files.length === 0) return row.status === "done" ? <p class="quiet">{text.noFiles}</p> : null;
  return (
    <>
      {files.some(isPlayable) ? null : <p class="quiet">{text.noAudioHere}</p>}
      <ul class="files" aria-label={text.files}>
        {files.map((file) => {
          const name = player.plays(file.url) ? "pause" : "play";
          const label = `${name === "pause" ? text.pause : text.play} ${file.name}`;
          const press = () => player.toggle(trackOf(row, file));
          return (
            <li key={file.url}>
              {isPlayable(file) ? <IconButton name={name} label={label} press={press} /> : null}
              <span class="file-name">
                <Line text={file.name} />
              </span>
              <span class="quiet">
                {formatBytes(file.bytes)}
                {file.seconds === undefined ? "" : ` · ${formatLength(file.seconds)}`}
                {file.damaged ? ` · ${text.damaged}` : ""}
              </span>
              <DownloadLink file={file} />
            </li>
          );
        })}
      </ul>
    </>
  );
}

function DownloadLink({ file: { url, name } }: { file: Download }) {
  const { text } = useApp();
  return (
    <a class="button" href={url} download={name} aria-label={text.downloadFile(name)}>
      <Icon name="download" />
      {text.download}
    </a>
  );
}

/** The player at the foot of the page, while there is something to play. */
export function PlayerBar() {
  const { player, text } = useApp();
  const track = player.track.value;
  if (track === null) return null;
  const { file } = track;
  return (
    <section class="player" aria-label={text.player}>
      <p class="track">
        <Line text={track.taskId} />{" "}
        <span class="quiet">
          <Line text={`${text.ofUser(track.userId)} · ${file.name}`} />
        </span>
      </p>
      {/* biome-ignore lint/a11y/useMediaCaption: the task's text is beside it */}
      <audio
        key={file.url}
        controls
        autoPlay
        src={file.url}
        ref={(element) => {
          player.element = element;
        }}
        onPlay={() => (player.state.value = "playing")}
        onPause={() => (player.state.value = "paused")}
        onEnded={() => (player.state.value = "paused")}
        onError={() => (player.state.value = "failed")}
      />
      <DownloadLink file={file} />
      <IconButton name="close" label={text.closePlayer} press={() => player.close()} />
      {player.state.value === "failed" && (
        <p class="is-error" role="alert">
          {text.playFailed}
        </p>
      )}
    </section>
  );
}
