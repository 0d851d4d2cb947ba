"""Request bytes: from a client to a replica, or to an app in this process, and back.

The path of a request is `app.py` → `model_call.py` (read the fields that route it) → `lookup.py` (find the route) →
`balancer.py` (choose the replica) → `relay.py` and `upstream.py` (pass the bytes). Routes come from an immutable `RouteTable`
that the control loop publishes. The gateway never parses an answer, never touches the database, and never imports an
engine or a web framework.

To add an inference path, add one row to `paths.py` and one struct to `protocol/`.
"""
