#compdef gemel
# SPDX-License-Identifier: GPL-3.0-or-later
# zsh completion for gemel(1). It asks gemel, which knows commands, options, names, states and snapshots.
# `gemel completion zsh` prints this file.

_gemel() {
    local line word hint
    local -a ended open

    line="${(j: :)words[1,CURRENT-1]} $PREFIX"
    _call_program candidates ${words[1]} completion line ${(q)line} 2>/dev/null |
    while IFS= read -r word && IFS= read -r hint; do
        [[ $hint == directory ]] && word+=/
        # _describe splits at the first colon that is not escaped
        hint="${${word//\\/\\\\}//:/\\:}${hint:+:$hint}"
        if [[ $word == *[=:/] ]]; then
            open+=("$hint")
        else
            ended+=("$hint")
        fi
    done
    _describe -V -t candidates gemel ended -- open -S ''
}

if [[ ${funcstack[1]} == _gemel ]]; then
    _gemel "$@"
else
    compdef _gemel gemel
fi
