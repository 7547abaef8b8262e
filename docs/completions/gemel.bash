# SPDX-License-Identifier: GPL-3.0-or-later
# bash completion for gemel(1). It asks gemel, which knows commands, options, names, states and snapshots.
# `gemel completion bash` prints this file.

_gemel() {
    local line=${COMP_LINE:0:COMP_POINT} typed strip= word hint quoted shown width=0
    local -a words=() hints=()

    COMPREPLY=()
    # bash takes = and : for the ends of words: what stands before the last of them is not to be given again
    typed=${line##*[[:space:]]}
    case $typed in
    *[=:]*) [[ $COMP_WORDBREAKS == *[=:]* ]] && strip=${typed%"${typed##*[=:]}"} ;;
    esac
    while IFS= read -r word && IFS= read -r hint; do
        [[ $word == "$strip"* ]] || continue
        [[ $hint == directory ]] && word+=/
        words+=("${word#"$strip"}")
        hints+=("$hint")
        ((${#word} > width)) && width=${#word}
    done < <("${COMP_WORDS[0]/#\~/$HOME}" completion line "$line" 2>/dev/null)
    # nothing is put into the line when TAB lists what there is: then the hints can be shown
    if ((${#words[@]} > 1)) && [[ ${COMP_TYPE:-9} == 63 ]]; then
        for i in "${!words[@]}"; do
            printf -v shown '%-*s  %s' "$width" "${words[i]}" "${hints[i]}"
            COMPREPLY+=("${shown:0:${COLUMNS:-80}-2}")
        done
        return
    fi
    for word in "${words[@]}"; do
        printf -v quoted %q "$word"
        COMPREPLY+=("$quoted")
    done
    # a value or a path may follow
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=:/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -o nosort -F _gemel gemel 2>/dev/null || complete -F _gemel gemel
