"""A tiny OpenID Connect issuer on a free port: discovery, keys, tokens, and the authorization code flow with PKCE."""

import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa


class Issuer:
    """Says of anybody that they are `ann`; keys are made anew when asked, under new names."""

    def __init__(self, algorithm="RS256"):
        self.algorithm, self.asked, self.codes, self.subject = algorithm, [], {}, "ann"
        self.rotate()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def rotate(self):
        self.key = (rsa.generate_private_key(65537, 2048) if self.algorithm.startswith("RS")
                    else ec.generate_private_key(ec.SECP256R1()))
        self.kid = secrets.token_hex(4)

    def token(self, key=None, headers=None, **claims):
        now = int(time.time())
        said = {"iss": self.url, "sub": self.subject, "aud": "stepwell", "iat": now, "exp": now + 600} | claims
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key or self.key, algorithm=self.algorithm, headers={"kid": self.kid} | (headers or {}))

    def documents(self):
        keys = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.key.public_key(), as_dict=True)
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url, "jwks_uri": f"{self.url}/keys", "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": [self.algorithm],
            },
            "/keys": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}, keys | {"kid": self.kid, "use": "sig"}]},
        }

    def handler(issuer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                address = urllib.parse.urlsplit(self.path)
                issuer.asked.append(address.path)
                if address.path == "/authorize":
                    return self.authorize(dict(urllib.parse.parse_qsl(address.query)))
                document = issuer.documents().get(address.path)
                self.answer(200 if document else 404, document or {})

            def authorize(self, asked):
                """Whoever comes is let in at once."""
                assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
                code = secrets.token_urlsafe()
                issuer.codes[code] = asked
                back = urllib.parse.urlencode({"code": code, "state": asked["state"]})
                self.send_response(302)
                self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = dict(urllib.parse.parse_qsl(body))
                issuer.asked.append(self.path)
                known = issuer.codes.pop(asked.get("code"), None)
                digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                if not known or known["code_challenge"] != challenge or known["redirect_uri"] != asked["redirect_uri"]:
                    return self.answer(400, {"error": "invalid_grant"})
                token = issuer.token(aud=known["client_id"], nonce=known.get("nonce"))
                self.answer(200, {"id_token": token, "access_token": "opaque", "token_type": "Bearer"})

            def answer(self, status, document):
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
