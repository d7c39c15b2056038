"""A task's side inputs: files below /tmp that lie there before the program starts."""
import os


def write(files, folder="/tmp"):
    """Writes each {"path", "content"}, for reading only."""
    for entry in files:
        path = os.path.normpath(os.path.join(folder, entry["path"]))
        if not path.startswith(folder + "/"):
            raise ValueError(f"side input {entry['path']!r} lies outside {folder}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        except FileExistsError:
            continue  # without a mount namespace the run's other process has written it
        with open(fd, "wb") as file:
            file.write(entry["content"].encode("utf-8", "surrogatepass"))
