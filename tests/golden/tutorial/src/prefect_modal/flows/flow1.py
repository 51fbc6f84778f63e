"""The example flow: it greets, through a subflow and a task."""

from prefect import flow, task


@task(retries=2, retry_delay_seconds=10)
def do_print(param: str) -> None:
    print("Doing the task")
    print(param)


@flow(log_prints=True)
def run_my_flow(param: str) -> None:
    print("flow 2")
    do_print(param)


# It ends before the timeout in prefect.yaml, at which Modal stops the container.
@flow(log_prints=True, timeout_seconds=3000)
def main(name: str = "world", goodbye: bool = False) -> None:
    print(f"Hello {name} from Prefect! 🤗")
    run_my_flow(name)
    if goodbye:
        print(f"Goodbye {name}!")


if __name__ == "__main__":
    main()
