import { useSignal } from "@preact/signals";
import { formatBytes, formatLength } from "../../src/task/amounts.ts";
import type { Download } from "../api/api.ts";
import { Failure } from "../api/failure.ts";
import type { Row } from "../model/row.ts";
import { isPlayable } from "../state/audio.ts";
import { useApp } from "./context.ts";
import { Icon, IconButton, Line } from "./parts.tsx";

/** Plays the first audio of a task; empty for a task without any. */
export function PlayTask({ row }: { row: Row }) {
  const { audio, player, tabOf, toggle, announce, text } = useApp();
  const isBusy = useSignal(false);
  const playable = row.status === "done" ? audio.of(row).playable.value : null;
  if (!playable) return <span class="task-play" />;
  const isPlaying = player.plays(row.key);
  /** If there is nothing to play the row is opened: it shows the files, or the reason. */
  const retry = async () => {
    isBusy.value = true;
    await audio.ask([row]);
    isBusy.value = false;
    const found = audio.of(row).playable.value;
    if (found && !(found instanceof Failure)) return player.toggle(row, found);
    if (tabOf(row.key) === undefined) toggle(row);
    announce(text.noAudioHere);
  };
  const press = () => {
    const file = isPlaying ? player.track.value!.file : playable;
    return file instanceof Failure ? retry() : player.toggle(row, file);
  };
  const name = isPlaying ? "pause" : "play";
  return (
    <span class="task-play" aria-busy={isBusy.value}>
      <IconButton name={name} label={text.ofTask(text.acts[name], row.taskId)} press={press} />
    </span>
  );
}

/** The files of a task: audio to play, everything to download. */
export function Files({ row, files }: { row: Row; files: readonly Download[] }) {
  const { text } = useApp();
  if (files.length === 0) return row.status === "done" ? <p class="quiet">{text.noFiles}</p> : null;
  return (
    <>
      {!files.some(isPlayable) && <p class="quiet">{text.noAudioHere}</p>}
      <ul class="files" aria-label={text.files}>
        {files.map((file) => (
          <File key={file.url} row={row} file={file} />
        ))}
      </ul>
    </>
  );
}

function File({ row, file }: { row: Row; file: Download }) {
  const { player, text } = useApp();
  const name = player.plays(file.url) ? "pause" : "play";
  const length = file.seconds === undefined ? [] : [formatLength(file.seconds)];
  const facts = [formatBytes(file.bytes), ...length, ...(file.damaged ? [text.damaged] : [])];
  const press = () => player.toggle(row, file);
  return (
    <li>
      {isPlayable(file) && <IconButton name={name} label={`${text.acts[name]} ${file.name}`} press={press} />}
      <Line box="span" class="file-name" text={file.name} />
      <span class="quiet">{facts.join(" · ")}</span>
      <DownloadLink {...file} />
    </li>
  );
}

/** @param props.label the words on it, if they are clear without the name */
export function DownloadLink({ url, name, label }: { url: string; name: string; label?: string }) {
  const { text } = useApp();
  return (
    <a class="button" href={url} download={name} aria-label={label ?? `${text.download} ${name}`}>
      <Icon name="download" />
      {label ?? text.download}
    </a>
  );
}

/** The player at the foot of the page, while there is something to play. */
export function PlayerBar() {
  const { player, text } = useApp();
  const { state } = player;
  if (player.track.value === null) return null;
  const { row, file } = player.track.value;
  return (
    <section class="player" aria-label={text.regions.player}>
      <p class="track">
        <Line text={row.taskId} /> <Line box="span" class="quiet" text={`${text.ofUser(row.userId)} · ${file.name}`} />
      </p>
      {/* biome-ignore lint/a11y/useMediaCaption: the task's text is beside it */}
      <audio
        key={file.url}
        controls
        autoPlay
        src={file.url}
        ref={player.element}
        onPlay={() => (state.value = "playing")}
        onPause={() => (state.value = "paused")}
        onError={() => (state.value = "failed")}
      />
      <DownloadLink {...file} />
      <IconButton name="close" label={text.closePlayer} press={() => player.close()} />
      {state.value === "failed" && (
        <p class="is-error" role="alert">
          {text.playFailed}
        </p>
      )}
    </section>
  );
}
