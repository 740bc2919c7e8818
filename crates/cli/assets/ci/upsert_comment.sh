#!/usr/bin/env bash
# Writes a comment on a pull request, or writes the one over that this suite wrote before: the first line of the file is a
# hidden marker with the suite's name, and only comments of bots are looked at. Wants GH_TOKEN and gh.
#   upsert_comment.sh FILE OWNER/REPOSITORY NUMBER
set -euo pipefail
file=$1 repository=$2 number=$3
MARKER=$(head -n 1 "$file")
export MARKER
case $MARKER in
  '<!-- seatrial:'*) ;;
  *) echo "$file does not begin with a marker; make it with seatrial report RUN --format pr-comment" >&2; exit 1 ;;
esac
id=$(gh api --paginate "repos/$repository/issues/$number/comments?per_page=100" \
  --jq '.[] | select(.user.type == "Bot" and (.body | startswith(env.MARKER))) | .id' | head -n 1)
if [ -n "$id" ]; then
  gh api --silent --method PATCH "repos/$repository/issues/comments/$id" -F "body=@$file"
else
  gh api --silent --method POST "repos/$repository/issues/$number/comments" -F "body=@$file"
fi
