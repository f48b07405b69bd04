"""The people who sign in: what they may give others, their second factor, sessions, passwords, and the throttle.

`sign_in` has the sign-in form and the permission backend; the pages are in `oms.admin`.
"""
