import { useApp, useMessages } from "./context.ts";
import { Icon, Line } from "./parts.tsx";

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
      <a class="button small" href={file.url} download={file.name} aria-label={text.downloadFile(file.name)}>
        <Icon name="download" />
        {text.download}
      </a>
      <button type="button" class="icon-button" aria-label={text.closePlayer} onClick={() => player.close()}>
        <Icon name="close" />
      </button>
      {player.failed.value ? (
        <p class="is-error" role="alert">
          {text.playFailed}
        </p>
      ) : null}
    </section>
  );
}
