"""The API: `uvicorn benchmarks.textbook.main:app`."""

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from benchmarks.textbook.database import Base, Prediction, engine, get_session
from benchmarks.textbook.tasks import score

Base.metadata.create_all(engine)
app = FastAPI()


class House(BaseModel):
    longitude: float
    latitude: float
    housing_median_age: float
    total_rooms: float
    total_bedrooms: float | None
    population: float
    households: float
    median_income: float


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    status: str
    result: float | None


@app.post("/predict", status_code=202, response_model=Answer)
def predict(house: House, session: Annotated[Session, Depends(get_session)]) -> Prediction:
    prediction = Prediction(features=house.model_dump())
    session.add(prediction)
    session.commit()
    session.refresh(prediction)
    score.delay(prediction.id)
    return prediction


@app.get("/predictions/{prediction_id}", response_model=Answer)
def read_prediction(prediction_id: int, session: Annotated[Session, Depends(get_session)]) -> Prediction:
    prediction = session.get(Prediction, prediction_id)
    if prediction is None:
        raise HTTPException(404)
    return prediction
