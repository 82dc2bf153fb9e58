import { Argument } from "commander";
import type { CommandSpec } from "../context.ts";

export const spec: CommandSpec = {
  about: "print a script that completes commands, flags, users and task ids",
  declare: (command) => command.addArgument(new Argument("<shell>", "the shell").choices(Object.keys(SCRIPTS))),
  async run(context, _flags, [shell]) {
    await context.terminal.out.write(SCRIPTS[shell as keyof typeof SCRIPTS]);
  },
  examples: `
Users and task ids come from Redis, or from the store file if it is small.
Examples:
  ttsctl completion bash      in ~/.bashrc: source <(ttsctl completion bash)
  ttsctl completion zsh       into a file _ttsctl in a directory of $fpath
  ttsctl completion fish      into ~/.config/fish/completions/ttsctl.fish`,
};

/** The completion scripts. They call `ttsctl __complete` and treat its output as data, never as code. */
const SCRIPTS = {
  bash: `# bash completion of ttsctl:  source <(ttsctl completion bash)
_ttsctl() {
  local line directives
  COMPREPLY=()
  {
    IFS= read -r directives
    while IFS= read -r line; do COMPREPLY+=("$line"); done
  } < <("\${COMP_WORDS[0]}" __complete bash "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null)
  case " $directives " in *" files "*) compopt -o default ;; esac
  case " $directives " in *" nospace "*) compopt -o nospace ;; esac
}
complete -F _ttsctl ttsctl
`,
  zsh: `#compdef ttsctl
# zsh completion of ttsctl:  ttsctl completion zsh > "\${fpath[1]}/_ttsctl"
_ttsctl() {
  local -a lines flags
  lines=("\${(@f)$("\${(Q)words[1]}" __complete described "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  local directives="\${lines[1]}"
  lines[1]=()
  if [[ " $directives " == *" files "* ]]; then _files; return; fi
  if [[ " $directives " == *" nospace "* ]]; then flags=(-S ''); fi
  lines=("\${(@)lines//\\\\/\\\\\\\\}")
  lines=("\${(@)lines//:/\\\\:}")
  lines=("\${(@)lines/$'\\t'/:}")
  _describe ttsctl lines "\${flags[@]}"
}
if [[ "\${funcstack[1]}" == _ttsctl ]]; then _ttsctl "$@"; else compdef _ttsctl ttsctl; fi
`,
  fish: `# fish completion of ttsctl:  ttsctl completion fish > ~/.config/fish/completions/ttsctl.fish
function __ttsctl_complete
    set -l before (commandline -opc)
    set -l ttsctl $before[1]
    set -e before[1]
    set -l lines ($ttsctl __complete described $before (commandline -ct) 2>/dev/null </dev/null)
    if string match -q '*files*' -- $lines[1]
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $lines[2..-1]
    end
end
complete -c ttsctl -f -a '(__ttsctl_complete)'
`,
};
