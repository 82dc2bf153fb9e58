import { useSignal } from "@preact/signals";
import { formatBytes, formatLength } from "../../src/task/amounts.ts";
import { Failure } from "../api/failure.ts";
import { type Download, isPlayable } from "../model/files.ts";
import type { Row } from "../model/row.ts";
import { useApp, useMessages } from "./context.ts";
import { Icon, IconButton, Line } from "./parts.tsx";

/** Plays the first audio of a task; empty for a task without any. */
export function PlayTask({ row }: { row: Row }) {
  const { audio, player, opened, toggle, announce } = useApp();
  const text = useMessages();
  const isBusy = useSignal(false);
  const playable = row.status === "done" ? audio.of(row).value : null;
  if (playable === null || playable === undefined) return <span class="task-play" />;
  const isPlaying = player.playing.value && player.track.value?.taskKey === row.key;
  /** If there is nothing to play the row is opened: it shows the files, or the reason. */
  const retry = async () => {
    isBusy.value = true;
    const found = await audio.again(row);
    isBusy.value = false;
    if (found && !(found instanceof Failure)) return player.play(trackOf(row, found));
    if (!opened.has(row.key)) toggle(row);
    announce(text.noAudioOf(row.taskId));
  };
  const press = () => {
    if (isPlaying) player.pause();
    else if (playable instanceof Failure) void retry();
    else player.play(trackOf(row, playable));
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
  const { player } = useApp();
  const text = useMessages();
  if (files.length === 0) return row.status === "done" ? <p class="quiet">{text.noFiles}</p> : null;
  return (
    <>
      {files.some(isPlayable) ? null : <p class="quiet">{text.noAudioHere}</p>}
      <ul class="files" aria-label={text.files}>
        {files.map((file) => {
          const isPlaying = player.playing.value && player.track.value?.file.url === file.url;
          const press = () => (isPlaying ? player.pause() : player.play(trackOf(row, file)));
          const label = `${isPlaying ? text.pause : text.play} ${file.name}`;
          return (
            <li key={file.url}>
              {isPlayable(file) ? <IconButton name={isPlaying ? "pause" : "play"} label={label} press={press} /> : null}
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
  const text = useMessages();
  return (
    <a class="button" href={url} download={name} aria-label={text.downloadFile(name)}>
      <Icon name="download" />
      {text.download}
    </a>
  );
}

/** The player at the foot of the page, while there is something to play. */
export function PlayerBar() {
  const { player } = useApp();
  const text = useMessages();
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
        onPlay={() => player.onState("playing")}
        onPause={() => player.onState("paused")}
        onEnded={() => player.onState("paused")}
        onError={() => player.onState("failed")}
      />
      <DownloadLink file={file} />
      <IconButton name="close" label={text.closePlayer} press={() => player.close()} />
      {player.failed.value ? (
        <p class="is-error" role="alert">
          {text.playFailed}
        </p>
      ) : null}
    </section>
  );
}
