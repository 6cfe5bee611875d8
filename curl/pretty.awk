# Indent JSON for people; numbers and texts stay as they are, to the last digit.   awk -f curl/pretty.awk
# What is not JSON is printed as it is.

function fresh_line(   n) {
  printf "\n"
  for (n = 0; n < depth; n++) printf "  "
}

{ document = document (NR > 1 ? "\n" : "") $0 }

END {
  if (document !~ /^[ \t\r\n]*[[{]/) { print document; exit }
  while (length(document)) {
    if (match(document, /^"([^"\\]|\\.)*"/) || match(document, /^[-+.0-9A-Za-z]+/)) {
      if (opened) fresh_line()
      opened = 0
      printf "%s", substr(document, 1, RLENGTH)
    } else {
      RLENGTH = 1
      sign = substr(document, 1, 1)
      if (sign == "{" || sign == "[") {
        if (opened) fresh_line()
        printf "%s", sign
        depth++
        opened = 1
      } else if (sign == "}" || sign == "]") {
        depth--
        if (!opened) fresh_line()
        opened = 0
        printf "%s", sign
      } else if (sign == ",") {
        printf ","
        fresh_line()
      } else if (sign == ":") {
        printf ": "
      } else if (sign !~ /[ \t\r\n]/) {
        printf "%s", sign
      }
    }
    document = substr(document, RLENGTH + 1)
  }
  printf "\n"
}
