"""Exit 0 where edge-capture on this machine grades frames: python3 healthcheck.py [PORT]."""

import ssl
import sys
import urllib.error
import urllib.request

port = sys.argv[1] if len(sys.argv) > 1 else "8080"
own = ssl.create_default_context()
own.check_hostname, own.verify_mode = False, ssl.CERT_NONE  # itself, over the loopback
why = ""
for scheme in ("http", "https"):
    try:
        with urllib.request.urlopen(f"{scheme}://127.0.0.1:{port}/healthz", timeout=4, context=own) as answer:
            sys.exit(0 if answer.status == 200 else 1)
    except urllib.error.HTTPError as error:  # it answers, and no frame came for two seconds
        sys.exit(f"edge-capture says {error.code}: no frames are graded")
    except OSError as error:  # no TLS, or only TLS, or nobody there
        why = str(error)
sys.exit(f"edge-capture does not answer on port {port} ({why})")
