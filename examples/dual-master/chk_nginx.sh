#!/bin/sh
# Does this node's nginx answer? Exit code 0: yes.
exec curl --silent --fail --max-time 1 --output /dev/null http://127.0.0.1/
